"""What every session would otherwise do first: go once through Ibis, from types to SQL, on a table of our own."""

import ibis

from relspec.core.schema import schema_of
from relspec.edges.loader.rendering import render
from relspec.edges.loader.types import ibis_table, ibis_type

_COMMON_TYPES = ("VARCHAR", "BIGINT", "INTEGER", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP", "DECIMAL(38,0)", "HUGEINT")


def warm_up() -> None:
    """Fill the caches of Ibis and SQLGlot; leaves no thread, no connection and no UDF behind."""
    for common in _COMMON_TYPES:
        ibis_type(common)
    left = ibis_table("left", schema_of({"id": "BIGINT", "day": "DATE", "amount": "DOUBLE"}))
    right = ibis_table("right", schema_of({"id": "BIGINT", "name": "VARCHAR"}))
    joined = left.join(right, "id").filter(right.name != "", left.amount > 0)
    grouped = joined.group_by("day", "name").agg(total=joined.amount.sum(), n=joined.count())
    window = ibis.window(group_by="name", order_by="day")
    ranked = grouped.mutate(running=grouped.total.sum().over(window)).order_by("day").limit(10)
    render(ranked, (left, right), lambda function: (function.__name__, ""))
