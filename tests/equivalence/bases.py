"""The queries that the rules rewrite. Names that a rule may change begin with `in_`, outputs of the whole do not."""

#: A query by the name of what it shows.
BASES = {
    "filter": "select id, amount from orders as o where id > 2 and status = 'new' and qty >= 1 + 1",
    "or": "select o.id from orders as o where o.status = 'new' or o.amount > 1 or (o.id < 3 and o.qty <> 5)",
    "range": (
        "select id, price from orders as o where qty between 1 and 7 and day between '2024-01-01' and '2024-01-31'"
    ),
    "list": "select id, qty from orders as o where status in ('new', 'paid', '') and id not in (3, 7)",
    "nulls": "select id, customer is null as lost from orders as o where day is not null and amount <> 2",
    "arithmetic": "select id + qty * 2 as a, amount - 3 as b, price * (2 + 1) as c from orders as o where 4 > id",
    "case": "select case when qty > 2 then 'many' when qty = 2 then 'two' else 'few' end as size from orders as o",
    "strings": (
        "select upper(status) as s, status || '-' || coalesce(status, 'none') as t from orders as o where id = 1"
    ),
    "casts": "select cast(qty as double) as d, try_cast(status as integer) as i from orders as o where n <= 2",
    "nested types": "select o.tags[1] as first_tag, o.info.a as a, len(o.tags) as n_tags from orders as o where id > 0",
    "aggregate": "select count(*) as n, sum(qty) as total, max(day) as last from orders as o where id <> 3",
    "group": "select day, status, count(*) as n, sum(qty) as total from orders as o where id > 0 group by day, status",
    "having": (
        "select o.customer, min(o.amount) as least from orders as o "
        "group by o.customer having count(*) > 1 and max(o.qty) >= 2"
    ),
    "group by all": "select status, day, max(qty) as most from orders as o where qty = 5 or id = 2 group by all",
    "distinct": "select distinct customer, status from orders as o where amount >= 0",
    "join": (
        "select o.id, c.name from orders as o join customers as c on o.customer = c.id and o.amount > 1 "
        "where c.region = 'north'"
    ),
    "two joins": (
        "select o.id, c.name, r.reason from orders as o join customers as c on o.customer = c.id "
        "join returns as r on r.order_id = o.id where o.qty > 0"
    ),
    "left join": "select o.id, c.name from orders as o left join customers as c on o.customer = c.id where o.id < 7",
    "left join condition": (
        "select o.id, c.name from orders as o left join customers as c on o.customer = c.id and c.region <> 'south'"
    ),
    "full join": "select o.id, c.id as k from orders as o full join customers as c on o.customer = c.id",
    "right join": "select o.id, c.id as k from orders as o right join customers as c on c.id = o.customer",
    "semi join": "select o.id, o.qty from orders as o semi join customers as c on o.customer = c.id where o.id > 1",
    "anti join": "select o.id from orders as o anti join customers as c on o.customer = c.id and c.name <> 'Bob'",
    "self join": "select a.id, b.qty from orders as a join orders as b on a.id = b.customer or a.qty = b.id",
    "subquery": (
        "select s.in_day, s.in_total from (select day as in_day, sum(qty) as in_total from orders as o "
        "where amount > 0 group by day) as s where s.in_total > 2"
    ),
    "merged subquery": (
        "select s.in_id, s.in_double as d from (select id as in_id, qty * 2 as in_double from orders as o "
        "where id > 1) as s where s.in_double < 20 and s.in_id <> 4"
    ),
    "cte": (
        "with t as (select customer as in_k, count(*) as in_n from orders as o group by customer) "
        "select c.name, t.in_n from customers as c join t on c.id = t.in_k where t.in_n >= 1"
    ),
    "chained ctes": (
        "with t as (select id as in_id, qty as in_qty from orders as o where qty > 0), "
        "u as (select t.in_id as in_key, t.in_qty + 1 as in_next from t where t.in_id > 1) "
        "select u.in_key, u.in_next from u where u.in_next <> 6"
    ),
    "cte read twice": (
        "with t as (select customer as in_k, max(qty) as in_m from orders as o group by customer) "
        "select a.in_k, b.in_m from t as a join t as b on a.in_k = b.in_k and a.in_m <= b.in_m"
    ),
    "inner distinct": (
        "select count(*) as n from (select distinct customer as in_a, day as in_b from orders as o where id > 1) as s"
    ),
    "in subquery": (
        "select o.id from orders as o where o.customer in (select c.id from customers as c where c.region = 'north')"
    ),
    "exists": (
        "select o.id from orders as o where o.qty > 0 and exists (select c.name from customers as c "
        "where c.id = o.customer and c.region <> 'west')"
    ),
    "scalar subquery": (
        "select o.id, (select max(c.name) from customers as c where c.id = o.customer) as best from orders as o "
        "where o.qty > (select min(q.qty) from orders as q)"
    ),
    "union all": (
        "select id as k, status as s from orders as o where id > 2 union all "
        "select c.id as k, c.name as s from customers as c where c.id <> 20"
    ),
    "union": "select customer as k from orders as o where qty > 0 union select c.id as k from customers as c",
    "except": "select o.customer as k from orders as o except select c.id as k from customers as c where c.id > 10",
    "inner union all": (
        "select s.in_k as k from (select id as in_k, qty as in_v from orders as o union all "
        "select c.id as in_k, 1 as in_v from customers as c) as s where s.in_v > 0"
    ),
    "window": (
        "select id, rank() over (partition by customer order by qty desc) as r, sum(qty) over (partition by day) as t "
        "from orders as o where id > 0"
    ),
    "filtered window": (
        "select s.in_id as id from (select id as in_id, rank() over (partition by customer order by qty) as in_r "
        "from orders as o where amount < 50) as s where s.in_r = 1"
    ),
    "qualify": (
        "select id, qty from orders as o where id > 0 qualify rank() over (partition by status order by qty) <= 1"
    ),
    "top": "select id, customer, qty from orders as o where qty > 1 order by qty desc, id, customer limit 3",
    "inner top": (
        "select sum(s.in_q) as q from (select qty as in_q, id as in_id from orders as o where id > 0 "
        "order by id desc, qty limit 3) as s"
    ),
    "distinct on": (
        "select distinct on (customer) customer, qty from orders as o where id > 0 order by customer, qty desc"
    ),
    "ordered aggregate": (
        "select day, list(qty order by qty desc, id) as q from orders as o where qty <> 7 group by day"
    ),
    "filtered aggregate": "select count(*) filter (where qty > 2) as n, count(distinct status) as s from orders as o",
    "star": "select * from customers as c where c.id > 5 and c.name <> 'Bob'",
    "inner star": (
        "select s.id, s.region from (select * from customers as c where c.region = 'north') as s where s.id < 40"
    ),
    "rollup": "select day, status, count(*) as n from orders as o where id > 1 group by rollup (day, status)",
    "values": (
        "select v.in_a as a, o.id from (values (1, 'x'), (2, 'y'), (2, 'z')) as v(in_a, in_b) "
        "join orders as o on o.id = v.in_a"
    ),
    "recursive": (
        "with recursive t as (select 1 as in_n union all select t.in_n + 1 as in_n from t where t.in_n < 4) "
        "select o.id, t.in_n as n from orders as o join t on o.id = t.in_n"
    ),
    "lateral": (
        "select o.id, s.in_m as m from orders as o, lateral (select max(c.name) as in_m from customers as c "
        "where c.id = o.customer) as s where o.id > 0"
    ),
    "unnest": "select o.id, u.in_t as t from orders as o, unnest(o.tags) as u(in_t) where o.id > 1",
    "lambda": "select id, list_transform(tags, lambda x: x + o.id) as l from orders as o where len(tags) > 0",
}
