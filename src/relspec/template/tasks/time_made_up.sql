-- How many minutes a flight that left late makes up in the air, by the length of its route in miles.
select
    500 * (distance // 500) as miles_from,
    count(*) as late_departures,
    round(avg(dep_delay), 1) as mean_dep_delay,
    round(avg(dep_delay - arr_delay), 1) as mean_minutes_made_up,
    round(100 * avg((arr_delay <= 0)::integer), 1) as in_time_after_all_percent
from departures
where dep_delay > 0 and arr_delay is not null
group by miles_from
order by miles_from
