"""What the letters at the end of a tail number say: many airlines register their aircraft under their own."""

import re

import ibis
from ibis import _

from relspec import task


@ibis.udf.scalar.python
def last_letters(tailnum: str) -> str:
    """Give the letters at the end of a tail number: N14228 has none, N619AA has AA."""
    found = re.fullmatch(r"N\d+([A-Z]*)", tailnum)
    return found.group(1) if found else "?"


@task
def registrations(ctx):
    """Count aircraft and flights by airline and letters. The Python function runs once for each aircraft."""
    aircraft = ctx.table("departures").filter(_.tailnum.notnull()).group_by("carrier", "tailnum").agg(flights=_.count())
    return (
        aircraft.mutate(letters=last_letters(_.tailnum))
        .group_by("carrier", "letters")
        .agg(aircraft=_.count(), flights=_.flights.sum())
        .order_by(_.flights.desc(), _.carrier, _.letters)
    )
