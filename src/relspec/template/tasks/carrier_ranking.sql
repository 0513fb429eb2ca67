-- The airlines of each day from the most to the least punctual, and how they did over the last seven days.
select
    flight_date,
    carrier,
    airline,
    flights,
    mean_arr_delay,
    rank() over (partition by flight_date order by mean_arr_delay) as place,
    round(avg(mean_arr_delay::decimal(9, 2)) over last_week, 1) as mean_arr_delay_7_days
from carrier_days
where mean_arr_delay is not null
window last_week as (
    partition by carrier
    order by flight_date
    range between interval 6 days preceding and current row
)
order by flight_date, place, carrier
