"""What the tasks mean by late, by bad weather and by an old aircraft. A plain module, imported where it is needed."""

import ibis
from ibis.expr.types import BooleanValue, IntegerValue, StringValue, Table

#: A flight that arrives later than this many minutes after its scheduled time is late.
LATE_MINUTES = 15


def is_late(arr_delay: IntegerValue) -> BooleanValue:
    """Whether a delay counts as late; unknown for a flight that never arrived."""
    return arr_delay > LATE_MINUTES


def sky(weather: Table) -> StringValue:
    """Name the weather of an hour by what disturbs flying most: Fahrenheit, inches, miles and miles per hour."""
    return ibis.cases(
        (weather.visib.isnull(), "unknown"),
        ((weather.precip > 0) & (weather.temp <= 32), "snow"),
        (weather.precip > 0, "rain"),
        (weather.visib < 2, "fog"),
        (weather.wind_speed >= 20, "wind"),
        else_="fair",
    )


def age_band(years: IntegerValue) -> StringValue:
    """Put an aircraft's age into bands of five years that sort as text."""
    return ibis.cases(
        (years < 5, "00-04"), (years < 10, "05-09"), (years < 15, "10-14"), (years < 20, "15-19"), else_="20+"
    )
