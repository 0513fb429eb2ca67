"""How each airline did, day by day, and at which hours flights leave on time."""

from ibis import _
from terms import is_late

from relspec import task


@task(kind="compute")
def carrier_days(ctx):
    """Sum up each airline's day."""
    airlines = ctx.table("airlines").select("carrier", airline="name")
    return (
        ctx.table("departures")
        .group_by("flight_date", "carrier")
        .agg(
            flights=_.count(),
            cancelled=_.cancelled.sum(),
            mean_arr_delay=_.arr_delay.mean().round(2),
        )
        .join(airlines, "carrier")
        .select("flight_date", "carrier", "airline", "flights", "cancelled", "mean_arr_delay")
    )


@task
def punctuality_by_hour(ctx):
    """Show how delay builds up over the day, for each airport of New York."""
    return (
        ctx.table("departures")
        .group_by("origin", "hour")
        .agg(
            flights=_.count(),
            median_dep_delay=_.dep_delay.median(),
            late_percent=(100 * is_late(_.arr_delay).mean()).round(1),
        )
        .order_by("origin", "hour")
    )
