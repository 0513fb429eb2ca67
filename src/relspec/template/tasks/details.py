"""One wide table, and what it shows about weather and aircraft."""

from ibis import _
from terms import age_band, is_late, sky

from relspec import task


@task(kind="compute")
def flights_in_detail(ctx):
    """Join each departure with its airline, destination and aircraft, and with the weather when it was due to leave."""
    airlines = ctx.table("airlines").select("carrier", airline="name")
    airports = ctx.table("airports").select(dest="faa", destination="name")
    planes = ctx.table("planes").select("tailnum", "manufacturer", "model", "seats", built="year")
    weather = ctx.table("weather").select("origin", "time_hour", "temp", "wind_speed", "precip", "visib")
    joined = (
        ctx.table("departures")
        .left_join(airlines, "carrier")
        .left_join(airports, "dest")
        .left_join(planes, "tailnum")
        .left_join(weather, ["origin", "time_hour"])
    )
    return joined.select(
        *("flight_date", "hour", "carrier", "airline", "flight", "origin", "dest", "destination", "distance"),
        *("tailnum", "manufacturer", "model", "seats", "built"),
        *("temp", "wind_speed", "precip", "visib"),
        *("dep_delay", "arr_delay", "cancelled"),
    )


@task
def delay_by_weather(ctx):
    """Compare delays and cancellations under each kind of sky."""
    flights = ctx.table("flights_in_detail")
    return (
        flights.mutate(sky=sky(flights))
        .group_by("sky")
        .agg(
            flights=_.count(),
            cancelled_percent=(100 * _.cancelled.mean()).round(1),
            mean_dep_delay=_.dep_delay.mean().round(1),
            late_percent=(100 * is_late(_.arr_delay).mean()).round(1),
        )
        .order_by(_.mean_dep_delay.desc(), _.sky)
    )


@task
def delay_by_plane_age(ctx):
    """Compare delays over the age of the aircraft, where its year of construction is known."""
    flights = ctx.table("flights_in_detail").filter(_.built.notnull(), _.arr_delay.notnull())
    return (
        flights.mutate(age=age_band(_.flight_date.year() - _.built))
        .group_by("age")
        .agg(
            flights=_.count(),
            aircraft=_.tailnum.nunique(),
            mean_seats=_.seats.mean().round(1),
            mean_arr_delay=_.arr_delay.mean().round(1),
            late_percent=(100 * is_late(_.arr_delay).mean()).round(1),
        )
        .order_by("age")
    )
