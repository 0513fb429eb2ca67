-- The twenty routes that ran latest, among those with at least one flight a day.
with routes as (
    select
        origin,
        dest,
        count(*) as flights,
        round(avg(arr_delay), 1) as mean_arr_delay,
        max(arr_delay) as longest_delay,
        round(100 * avg(cancelled::integer), 1) as cancelled_percent
    from departures
    group by origin, dest
)

select
    routes.origin,
    routes.dest,
    airports.name as destination,
    routes.flights,
    routes.mean_arr_delay,
    routes.longest_delay,
    routes.cancelled_percent
from routes
left join airports on airports.faa = routes.dest
where routes.flights >= 31
order by routes.mean_arr_delay desc, routes.origin, routes.dest, destination
limit 20
