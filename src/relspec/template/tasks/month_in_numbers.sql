-- The whole month in one row.
select
    count(*) as flights,
    count(*) filter (where cancelled) as cancelled,
    count(distinct carrier) as carriers,
    count(distinct tailnum) as aircraft,
    count(distinct dest) as destinations,
    round(avg(dep_delay), 1) as mean_dep_delay,
    median(dep_delay) as median_dep_delay,
    max(dep_delay) as longest_dep_delay,
    round(sum(distance) / 1e6, 1) as million_miles
from departures
where flight_date between date '2013-01-01' and date '2013-01-31'
