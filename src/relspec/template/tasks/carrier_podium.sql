-- How often each airline was the most punctual of the day, and how often it was among the first three.
select
    airline,
    count(*) filter (where place = 1) as first_places,
    count(*) filter (where place <= 3) as podium_places,
    count(*) as days,
    round(avg(place), 1) as mean_place
from carrier_ranking
group by airline
order by first_places desc, podium_places desc, airline
