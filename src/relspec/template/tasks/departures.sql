-- relspec: kind=view

-- Every scheduled departure with its date. A view is never stored: its query becomes part of the tasks that read it.
select
    make_date(year, month, day) as flight_date,
    hour,
    time_hour,
    carrier,
    flight,
    tailnum,
    origin,
    dest,
    distance,
    dep_delay,
    arr_delay,
    dep_time is null as cancelled
from flights
