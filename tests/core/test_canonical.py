"""The canonical form: equal pairs give equal rows on an adversarial shop, and pairs that may differ have other digests.

Breaks that were tried and caught: letting a filter rise past a RIGHT JOIN, dissolving a computed column on the nullable
side of a LEFT JOIN, leaving out a column of a DISTINCT or of a UNION, forgetting an unread aggregate, folding `1+1`
beside a TINYINT, collapsing `x AND x`, trusting sqlglot's reading of `a + b % c`, and those of `tests/mutants/form.py`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.core.shop import analysed, shop

EQUAL = {
    "layout": ("select id, amount from orders where id > 1", "SELECT id,\n  amount\nFROM orders -- all\nWHERE id>1 ;"),
    "comments": ("select id from orders", "/* a */ select /* b */ id from orders -- c\n; -- d"),
    "parentheses": (
        "select (id) + ((qty)) s from orders where ((id > 1))",
        "select id + qty s from orders where id > 1",
    ),
    "parentheses in logic": (
        "select id from orders where (id > 1 and (qty > 2 and amount > 0)) or (status = 'new')",
        "select id from orders where id > 1 and qty > 2 and amount > 0 or status = 'new'",
    ),
    "folded literals": ("select id from orders where qty > 1 + 1", "select id from orders where qty > 2"),
    "folded factor": ("select amount * (1 + 1) as d from orders", "select amount * 2 as d from orders"),
    "folded decimal factor": ("select price * (3 - 1) as d from orders", "select price * 2 as d from orders"),
    "folded in having": (
        "select day from orders group by day having count(*) > 2 - 1",
        "select day from orders group by day having count(*) > 1",
    ),
    "folded in a list": ("select id from orders where id in (1 + 1, 3)", "select id from orders where id in (3, 2)"),
    "turned comparison": ("select id from orders where 0 < id", "select id from orders where id > 0"),
    "turned comparison with equality": ("select id from orders where 4 >= id", "select id from orders where id <= 4"),
    "turned equality": ("select id from orders where 'new' = status", "select id from orders where status = 'new'"),
    "turned inequality": ("select id from orders where 1 <> id", "select id from orders where id != 1"),
    "predicate order": (
        "select id from orders where status = 'new' and amount > 1 and id is not null",
        "select id from orders where id is not null and amount > 1 and status = 'new'",
    ),
    "predicate order in or": (
        "select id from orders where status = 'new' or amount > 1",
        "select id from orders where amount > 1 or status = 'new'",
    ),
    "between": ("select id from orders where id between 2 and 4", "select id from orders where id >= 2 and 4 >= id"),
    "between dates": (
        "select id from orders where day between '2024-01-01' and '2024-01-31'",
        "select id from orders where day <= '2024-01-31' and day >= '2024-01-01'",
    ),
    "list order": (
        "select id from orders where status in ('new', 'paid')",
        "select id from orders where status in ('paid', 'new', 'paid')",
    ),
    "table alias": (
        "select o.id, c.name from orders o join customers c on o.customer = c.id",
        "select x.id, y.name from orders as x inner join customers as y on y.id = x.customer",
    ),
    "no alias": ("select orders.id from orders", "select id from main.orders as o"),
    "alias in a subquery": (
        "select s.total from (select sum(amount) as total, day from orders group by day) s",
        "select t.x as total from (select sum(amount) as x, day from orders group by day) as t",
    ),
    "subquery as a CTE": (
        "select total from (select day, sum(amount) total from orders group by day) where total > 1",
        "with d as (select day, sum(amount) total from orders group by day) select total from d where total > 1",
    ),
    "whole query as a CTE": (
        "select day, sum(amount) total from orders group by day",
        "with d as (select day, sum(amount) total from orders group by day) select * from d",
    ),
    "CTE renamed": (
        "with a as (select distinct customer from orders) select count(*) n from a",
        "with b as (select distinct customer from orders) select count(*) n from b",
    ),
    "CTE read twice renamed": (
        "with a as (select customer, sum(qty) q from orders group by 1) select x.q from a x join a y on x.q = y.q",
        "with b as (select customer, sum(qty) s from orders group by 1) select l.s q from b l join b r on l.s = r.s",
    ),
    "CTE with the name of its table": (
        "with orders as (select * from orders where id > 1) select id from orders",
        "select id from orders where id > 1",
    ),
    "unused output of a subquery": (
        "select id from (select id, amount, upper(status) u from orders)",
        "select id from (select id from orders)",
    ),
    "unused window": (
        "select id from (select id, row_number() over (order by id) r from orders)",
        "select id from orders",
    ),
    "unused aggregate beside another": (
        "select s from (select sum(amount) s, max(id) m from orders)",
        "select s from (select sum(amount) s from orders)",
    ),
    "inner column order": (
        "select b, a from (select distinct id a, qty b from orders)",
        "select y b, x a from (select distinct qty y, id x from orders)",
    ),
    "star": ("select * from customers", "select id, name, region from customers"),
    "star of an alias": ("select c.* from customers c", "from customers"),
    "exclude": ("select * exclude (region) from customers", "select id, name from customers"),
    "replace": ("select * replace (id + 1 as id) from customers", "select id + 1 as id, name, region from customers"),
    "chained filters": (
        "select * from (select * from (select id, qty from orders) where id > 1) where qty > 2",
        "select id, qty from orders where qty > 2 and id > 1",
    ),
    "ibis chain": (
        """SELECT * FROM (SELECT * FROM "main"."orders" AS "t0" WHERE "t0"."id" > CAST(1 AS TINYINT)) AS "t1"
        WHERE "t1"."qty" > CAST(2 AS TINYINT)""",
        'SELECT * FROM "orders" AS "t0" WHERE "t0"."id" > CAST(1 AS TINYINT) AND "t0"."qty" > CAST(2 AS TINYINT)',
    ),
    "ibis aggregate": (
        """SELECT "t1"."day", SUM("t1"."amount") AS "s" FROM (SELECT "t0"."day", "t0"."amount" FROM "orders" AS "t0"
        WHERE "t0"."id" > 0) AS "t1" GROUP BY 1""",
        "select day, sum(amount) as s from orders where id > 0 group by day",
    ),
    "mutate then filter": (
        "select id, d from (select id, amount * 2 as d from orders) where d > 1",
        "select id, amount * 2 as d from orders where amount * 2 > 1",
    ),
    "filter below a join": (
        "select o.id from (select * from orders where qty > 2) o join customers c on o.customer = c.id",
        "select o.id from orders o, customers c where o.customer = c.id and o.qty > 2",
    ),
    "filter left of a left join": (
        "select o.id, c.name from (select * from orders where qty > 2) o left join customers c on o.customer = c.id",
        "select o.id, c.name from orders o left join customers c on c.id = o.customer where o.qty > 2",
    ),
    "columns chosen on the nullable side": (
        "select o.id, c.name from orders o left join (select id k, name from customers) c on o.customer = c.k",
        "select o.id, c.name from orders o left join customers c on o.customer = c.id",
    ),
    "outer is noise": (
        "select o.id, c.name from orders o left outer join customers c on o.customer = c.id",
        "select o.id, c.name from orders o left join customers c on o.customer = c.id",
    ),
    "group by position, alias or name": (
        "select upper(status) as u, count(*) n from orders group by 1",
        "select upper(status) as u, count(*) n from orders group by u",
    ),
    "group key order": (
        "select day, status, count(*) n from orders group by day, status",
        "select day, status, count(*) n from orders group by status, day",
    ),
    "order by position": (
        "select id, qty from orders order by 2, 1",
        "select id, qty from orders order by qty, id asc",
    ),
    "implicit as": ('select id "k" from orders', "select id as k from orders"),
    "quoted names": ('select "ID" as "id" from "ORDERS"', "select id from orders"),
    "literal in select twice": ("select id, 1 + 1 as two from orders", "select id, 2 as two from orders"),
    "unused CTE": ("with u as (select distinct id from orders) select id from orders", "select id from orders"),
    "set operation": (
        "select id from orders union select id from customers",
        "select o.id from orders o union (select c.id from customers c)",
    ),
    "unused column of union all": (
        "select i from (select id i, qty q from orders union all select id, 1 from customers)",
        "select i from (select id i from orders union all select id from customers)",
    ),
    "exists ignores its columns": (
        "select id from orders o where exists (select 1 from customers c where c.id = o.customer)",
        "select id from orders where exists (select name, 2 from customers where orders.customer = customers.id)",
    ),
    "scalar subquery": (
        "select id, (select max(c.id) from customers c) m from orders",
        "select id, (select max(k) from (select id k, name from customers)) m from orders",
    ),
    "lambda": (
        "select list_transform(tags, lambda x: x + id) l from orders",
        "select list_transform(o.tags, lambda x: x + o.id) as l from orders as o",
    ),
    "recursive CTE renamed": (
        "with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select n from r",
        "with recursive q as (select 1 as k union all select k + 1 from q where k < 5) select k as n from q",
    ),
    "window over a renamed column": (
        "select row_number() over (partition by k order by v, i) r from (select customer k, qty v, id i from orders)",
        "select row_number() over (partition by customer order by qty, id) r from orders",
    ),
    "qualify": (
        "select id from orders qualify row_number() over (partition by customer order by id, qty) = 1",
        "select id from orders qualify 1 = row_number() over (partition by customer order by id, qty)",
    ),
    "true is no condition": ("select id from orders where true and id > 1", "select id from orders where id > 1"),
    "values": (
        "select a from (values (1, 'x'), (2, 'y')) v(a, b)",
        "select p as a from (values (1,'x'),(2,'y')) w(p, q)",
    ),
    "star over a subquery and a table": (
        "select * from (select id k from orders) a join customers c on a.k = c.id",
        "select k, c.id, c.name, c.region from (select id k from orders) a join customers c on a.k = c.id",
    ),
    "star beside a semi join": (
        "select * from customers c semi join (select customer, id as name from orders) o on o.customer = c.id",
        "select c.id, c.name, c.region from customers c semi join orders o on o.customer = c.id",
    ),
    "joins and keys of groups over computed values": (
        "select length(c.name) l, o.day, count(*) n from orders o join customers c on o.customer = c.id group by 1, 2",
        "select length(x.name) l, y.day, count(*) n from customers x join orders y on y.customer = x.id group by 2, 1",
    ),
    "keys of groups over a cast sum": (
        "select day, max(q) m from (select day, id, sum(qty)::bigint q from orders group by day, id) group by day",
        "select day, max(q) m from (select day, id, sum(qty)::bigint q from orders group by id, day) group by day",
    ),
    "keys of groups over cases": (
        "select case when id > 1 then 'a' else 'b' end k, day from orders group by 1, 2",
        "select case when id > 1 then 'a' else 'b' end k, day from orders group by 2, 1",
    ),
    "from first with joins": (
        "from orders o join customers c on o.customer = c.id select o.id, name",
        "select o.id, c.name from orders o join customers c on o.customer = c.id",
    ),
    "sort by a number in parentheses": (
        "select id, qty from orders order by (2), ((1)) limit 3",
        "select id, qty from orders order by 2, 1 limit 3",
    ),
    "sort by all outputs": (
        "select qty q, id from orders order by all limit 3",
        "select qty q, id from orders o order by all limit 3",
    ),
    "negative literal": ("select id from orders where qty > -1 - 1", "select id from orders where qty > -2"),
    "folded beside an inner column": (
        "select n from (select day, count(*) n, max(id) m from orders group by day) where n > 0 + 1 and m < 1 + 3",
        "select n from (select day, count(*) n, max(id) m from orders group by day) where n > 1 and m < 1 + 3",
    ),
    "sides of an inner join": (
        "select o.id, c.name from orders o join customers c on o.customer = c.id",
        "select o.id, c.name from customers c join orders o on o.customer = c.id",
    ),
    "sides of a join beside a subquery that uses an alias anew": (
        "select (select max(o.id) from customers o) m, c.name from orders o join customers c on c.id = o.customer",
        "select (select max(k.id) from customers k) m, c.name from customers c join orders o on c.id = o.customer",
    ),
    "order of three joined sources": (
        "select o.id, r.reason from orders o, customers c, returns r where o.customer = c.id and r.order_id = o.id",
        "select o.id, r.reason from returns r join orders o on o.id = r.order_id join customers c on c.id = o.customer",
    ),
    "sides of a join below exact aggregates": (
        "select day, count(*) n, sum(qty) q, max(name) m from orders join customers c on customer = c.id group by all",
        "select day, count(*) n, sum(qty) q, max(name) m from customers c join orders on customer = c.id group by all",
    ),
    "keys of groups of a union": (
        "select a, b, count(*) from (select qty a, id b from orders union all select n, n from orders) group by a, b",
        "select a, b, count(*) from (select qty a, id b from orders union all select n, n from orders) group by b, a",
    ),
    "keys of groups below a window without an order": (
        "select a, sum(b) over (partition by a) from (select qty a, max(id) b from orders group by qty, n)",
        "select a, sum(b) over (partition by a) from (select qty a, max(id) b from orders group by n, qty)",
    ),
    "sides of a join of subqueries": (
        "with a as (select n, max(id) m from orders group by 1), b as (select distinct 1 i) from a, b select m",
        "with a as (select n, max(id) m from orders group by 1), b as (select distinct 1 i) from b, a select m",
    ),
    "columns chosen before a full join": (
        "select o.id, c.name from (select id, n k from orders) o full join (select * from customers) c on o.k = c.id",
        "select o.id, c.name from orders o full join customers c on o.n = c.id",
    ),
    "USING or ON": (
        "select r.reason, o.qty from orders o join returns r using (id)",
        "select r.reason, o.qty from orders o join returns r on o.id = r.id",
    ),
    "index of a list": ("select tags[1] x from orders", "select (o.tags)[1] as x from orders o"),
    "interval and unit": (
        "select date_trunc('day', day + interval '1 day') x from orders",
        "select DATE_TRUNC('day', o.day + INTERVAL '1 day') x from orders o",
    ),
    "operators that parsers agree on": ("select (id * 2) + qty v from orders", "select id * 2 + qty v from orders"),
    "parentheses kept by meaning": ("select (id + qty) % 2 v from orders", "select ((id + qty)) % 2 v from orders"),
}

DIFFERENT = {
    "literal": ("select id from orders where id > 1", "select id from orders where id > 2"),
    "string case": ("select id from orders where status = 'paid'", "select id from orders where status = 'PAID'"),
    "join kind": (
        "select o.id from orders o join customers c on o.customer = c.id",
        "select o.id from orders o left join customers c on o.customer = c.id",
    ),
    "sides of a left join": (
        "select 1 x from orders o left join customers c on o.customer = c.id",
        "select 1 x from customers c left join orders o on o.customer = c.id",
    ),
    "condition or filter of a left join": (
        "select o.id from orders o left join customers c on o.customer = c.id and c.id > 10",
        "select o.id from orders o left join customers c on o.customer = c.id where c.id > 10",
    ),
    "filter below the nullable side": (
        "select o.id from orders o left join (select * from customers where id > 10) c on o.customer = c.id",
        "select o.id from orders o left join customers c on o.customer = c.id where c.id > 10",
    ),
    "computed on the nullable side": (
        "select o.id, c.k from orders o left join (select id, coalesce(region, '-') k from customers) c on o.id = c.id",
        "select o.id, coalesce(c.region, '-') k from orders o left join customers c on o.id = c.id",
    ),
    "filter below a right join": (
        "select c.id from (select * from orders where id > 1) o right join customers c on o.customer = c.id",
        "select c.id from orders o right join customers c on o.customer = c.id where o.id > 1",
    ),
    "semi or anti": (
        "select id from orders o semi join customers c on o.customer = c.id",
        "select id from orders o anti join customers c on o.customer = c.id",
    ),
    "distinct": ("select id from orders", "select distinct id from orders"),
    "distinct gains a column": (
        "select a from (select distinct id a from orders)",
        "select a from (select distinct id a, qty b from orders)",
    ),
    "distinct in a CTE gains a column": (
        "with d as (select distinct id a from orders) select count(*) n from d",
        "with d as (select distinct id a, qty b from orders) select count(*) n from d",
    ),
    "union gains a column": (
        "select i from (select id i from orders union select id from customers)",
        "select i from (select id i, qty q from orders union select id, 1 from customers)",
    ),
    "group by all gains a key": (
        "select s from (select day, sum(qty) s from orders group by all)",
        "select s from (select day, status, sum(qty) s from orders group by all)",
    ),
    "aggregate added without group by": (
        "select o from (select 1 as o from orders)",
        "select o from (select 1 as o, max(id) m from orders)",
    ),
    "aggregate added to a CTE that is read twice": (
        "with t as (select 1 as o from orders) select count(*) n from t a, t b",
        "with t as (select 1 as o, max(id) m from orders) select count(*) n from t a, t b",
    ),
    "unknown aggregate added without group by": (
        "select o from (select 1 as o from orders)",
        "select o from (select 1 as o, mad(id) m from orders)",
    ),
    "rows made by an unread column": (
        "select id from (select id from orders)",
        "select id from (select id, unnest(tags) t from orders)",
    ),
    "union or union all": (
        "select id from orders union select id from customers",
        "select id from orders union all select id from customers",
    ),
    "except or intersect": (
        "select id from orders except select id from customers",
        "select id from orders intersect select id from customers",
    ),
    "sides of except": (
        "select id from orders except select id from customers",
        "select id from customers except select id from orders",
    ),
    "columns crossed in a union": (
        "select a from (select id a, qty b from orders union all select id, 2 from customers)",
        "select a from (select id a, qty b from orders union all select 2, id from customers)",
    ),
    "limit": ("select id from orders order by id, qty limit 3", "select id from orders order by id, qty limit 4"),
    "limit or none": ("select id from orders order by id", "select id from orders order by id limit 3"),
    "offset": ("select id from orders order by id limit 3", "select id from orders order by id limit 3 offset 1"),
    "sort direction": ("select id from orders order by id limit 3", "select id from orders order by id desc limit 3"),
    "nulls first": (
        "select id from orders order by id nulls first limit 3",
        "select id from orders order by id nulls last limit 3",
    ),
    "sort with a limit inside": (
        "select sum(id) s from (select id from orders order by id limit 2)",
        "select sum(id) s from (select id from orders order by qty limit 2)",
    ),
    "filter or limit first": (
        "select id from (select id from orders order by id limit 3) where id > 1",
        "select id from orders where id > 1 order by id limit 3",
    ),
    "filter after a window": (
        "select r from (select id, row_number() over (order by id) r from orders) where id > 1",
        "select r from (select id, row_number() over (order by id) r from orders where id > 1)",
    ),
    "where or having": (
        "select day, sum(qty) s from orders where qty > 1 group by day",
        "select day, sum(qty) s from orders group by day having sum(qty) > 1",
    ),
    "output order": ("select id, qty from orders", "select qty as id, id as qty from orders"),
    "type of a cast": ("select id::bigint x from orders", "select id::double x from orders"),
    "try or cast": ("select try_cast(status as int) x from orders", "select cast(status as int) x from orders"),
    "order of a float sum": (
        "select amount + (qty + price) x from orders",
        "select (amount + qty) + price x from orders",
    ),
    "user function": ("select upper(status) x from orders", "select lower(status) x from orders"),
    "aggregate": ("select sum(qty) x from orders", "select avg(qty) x from orders"),
    "distinct aggregate": ("select count(qty) x from orders", "select count(distinct qty) x from orders"),
    "filter of an aggregate": ("select count(*) x from orders", "select count(*) filter (where id > 1) x from orders"),
    "and or or": ("select id from orders where id > 1 and qty > 2", "select id from orders where id > 1 or qty > 2"),
    "precedence of modulo": ("select id + qty % 2 v from orders", "select (id + qty) % 2 v from orders"),
    "precedence of modulo over a subquery": (
        "select v % 2 v from (select id + qty v from orders)",
        "select id + qty % 2 v from orders",
    ),
    "precedence of is null": (
        "select id = n is null v from orders",
        "select id = (n is null) v from orders",
    ),
    "precedence of is null in a comparison that is turned": (
        "select id > id is null v from orders",
        "select (id) is null < id v from orders",
    ),
    "and makes a boolean": ("select (id and id) < qty v from orders", "select id < qty v from orders"),
    "order of stars": (
        "select * from (select id from customers) a join (select id from orders) b on a.id = b.id",
        "select b.*, a.* from (select id from customers) a join (select id from orders) b on a.id = b.id",
    ),
    "precedence of intersect": (
        "select 5 a union select 1 intersect select 1",
        "(select 5 a union select 1) intersect select 1",
    ),
    "folded beside a small type": ("select n + (1 + 1) x from orders", "select n + 2 x from orders"),
    "literal or column that holds one": (
        "select n + k x from (select n, 2 as k from orders)",
        "select n + 2 x from orders",
    ),
    "between with mixed kinds": (
        "select id from orders where qty between 1 and 2.5",
        "select id from orders where qty >= 1 and qty <= 2.5",
    ),
    "volatile order": (
        "select id from orders where random() < 2 and id > 1",
        "select id from orders where id > 1 and random() < 2",
    ),
    "volatile read twice": (
        "with r as (select random() v) select a.v = b.v x from r a, r b",
        "select a.v = b.v x from (select random() v) a, (select random() v) b",
    ),
    "side of a CTE that is read twice": (
        "with t as (select id i, qty q from orders where id > 1) select a.i from t a join t b on a.q = b.i",
        "with t as (select id i, qty q from orders where id > 1) select b.i from t a join t b on a.q = b.i",
    ),
    "volatile column used twice": (
        "select v - v x from (select random() v from orders)",
        "select random() - random() x from orders",
    ),
    "two volatile columns": (
        "select a - a x from (select random() a, random() b from orders)",
        "select a - b x from (select random() a, random() b from orders)",
    ),
    "case of a struct's field": (
        "select to_json({'A': id}) x from orders",
        "select to_json({'a': id}) x from orders",
    ),
    "case of a field in JSON": ("select doc.A x from orders", "select doc.a x from orders"),
    "alias hides a column in where": (
        "select qty as id from orders where id > 1",
        "select qty as id from orders where qty > 1",
    ),
    "alias hides a column in qualify": (
        "select qty as id from orders qualify id > 1 and row_number() over (order by day) > 0",
        "select qty as id from orders qualify qty > 1 and row_number() over (order by day) > 0",
    ),
    "table": ("select id from orders", "select id from customers"),
    "literal that the parser drops": (
        "select list_reverse_sort(tags, 'NULLS FIRST') x from orders",
        "select list_reverse_sort(tags) x from orders",
    ),
    "unit": ("select date_trunc('day', day) x from orders", "select date_trunc('month', day) x from orders"),
    "index": ("select tags[1] x from orders", "select tags[2] x from orders"),
    "index from the end": ("select tags[-1] x from orders", "select tags[1] x from orders"),
    "path in JSON": ("select doc->'$.A' x from orders", "select doc->'$.a' x from orders"),
    "interval": ("select day + interval 1 day x from orders", "select day + interval 1 month x from orders"),
    "natural join": (
        "select count(*) n from orders natural join customers",
        "select count(*) n from orders, customers",
    ),
    "comma beside a right join": (
        "select 1 x from customers a, orders b right join returns c on true",
        "select 1 x from customers a cross join orders b right join returns c on true",
    ),
    "escape string": ("select E'a\\nb' x from orders", "select 'a\\nb' x from orders"),
    "correlated with another table": (
        "select (select max(c.id) from customers c where c.id < o.id) x from orders o",
        "select (select max(c.id) from customers c where c.id < o.customer) x from orders o",
    ),
    "quantifier": (
        "select id from orders where id >= any (select id from customers)",
        "select id from orders where id >= all (select id from customers)",
    ),
    "outputs crossed before a sort by all of them": (
        "select sum(b) s from (select id a, qty b from orders order by all limit 3)",
        "select sum(b) s from (select qty b, id a from orders order by all limit 3)",
    ),
    "outputs crossed before a sort by a number in parentheses": (
        "select sum(b) s from (select id a, qty b from orders order by (1) limit 3)",
        "select sum(b) s from (select qty b, id a from orders order by (1) limit 3)",
    ),
    "outputs crossed before a rollup by number": (
        "select count(*) n from (select id a, qty b, count(*) c from orders group by rollup (1, 2))",
        "select count(*) n from (select day a, qty b, count(*) c from orders group by rollup (1, 2))",
    ),
    "keys of groups before a limit without an order": (
        "select day, status, count(*) n from orders group by day, status limit 3",
        "select day, status, count(*) n from orders group by status, day limit 3",
    ),
    "sides of a join before a limit without an order": (
        "select o.id, c.name from orders o join customers c on o.customer = c.id limit 3",
        "select o.id, c.name from customers c join orders o on o.customer = c.id limit 3",
    ),
    "sides of a join before a sum of doubles": (
        "select sum(o.amount) s from orders o join customers c on o.customer = c.id",
        "select sum(o.amount) s from customers c join orders o on o.customer = c.id",
    ),
    "sides of a join before a sum of doubles on one side of a union": (
        "select sum(v) from (select n v from orders union all select o.amount from orders o, customers c)",
        "select sum(v) from (select n v from orders union all select o.amount from customers c, orders o)",
    ),
    "sides of a join before a sum of decimals that `//` makes doubles": (
        "select sum(o.price // 2) s from orders o join customers c on o.customer = c.id",
        "select sum(o.price // 2) s from customers c join orders o on o.customer = c.id",
    ),
    "sides of a join before a window with an order": (
        "select c.id, count(*) over (order by o.n) from orders o join customers c on o.customer = c.id",
        "select c.id, count(*) over (order by o.n) from customers c join orders o on o.customer = c.id",
    ),
    "sides of a join before a window over named rows": (
        "select c.id, count(*) over w from orders o, customers c window w as (order by o.n rows 2 preceding)",
        "select c.id, count(*) over w from customers c, orders o window w as (order by o.n rows 2 preceding)",
    ),
    "sides of a join before numbered rows": (
        "select c.id, row_number() over (partition by o.n) from orders o, customers c",
        "select c.id, row_number() over (partition by o.n) from customers c, orders o",
    ),
    "sides of a join before a windowed sum of doubles": (
        "select c.id, sum(o.amount) over (partition by o.n) from orders o, customers c",
        "select c.id, sum(o.amount) over (partition by o.n) from customers c, orders o",
    ),
    "sides of a join before a windowed sum of doubles in qualify": (
        "select c.id from orders o, customers c qualify sum(o.amount) over (partition by o.n) > 1",
        "select c.id from customers c, orders o qualify sum(o.amount) over (partition by o.n) > 1",
    ),
    "sides of a join before partitions of doubles": (
        "select c.id, count(*) over (partition by o.amount) from orders o, customers c",
        "select c.id, count(*) over (partition by o.amount) from customers c, orders o",
    ),
    "sides of a join before a list": (
        "select list(o.id) s from orders o join customers c on o.customer = c.id",
        "select list(o.id) s from customers c join orders o on o.customer = c.id",
    ),
    "sides of a join before doubles are grouped": (
        "select count(*) n, amount from orders o join customers c on o.customer = c.id group by amount",
        "select count(*) n, amount from customers c join orders o on o.customer = c.id group by amount",
    ),
    "sides of a join of random rows": (
        "select o.id, c.v from orders o join (select id, random() v from customers) c on o.customer = c.id",
        "select o.id, c.v from (select id, random() v from customers) c join orders o on o.customer = c.id",
    ),
    "sides of two joins that are not alike": (
        "select a.id, b.id k from orders a join orders b on a.id = b.customer",
        "select b.id, a.id k from orders a join orders b on a.id = b.customer",
    ),
    "merged column of a join": (
        "select typeof(id) x from orders o join (select id::bigint id from returns) r using (id)",
        "select typeof(coalesce(o.id, r.id)) x from orders o join (select id::bigint id from returns) r on o.id = r.id",
    ),
    "table of a subquery that uses an alias anew": (
        "select (select max(o.id) from customers o) m, c.name from orders o join customers c on c.id = o.customer",
        "select (select max(o.id) from returns o) m, c.name from orders o join customers c on c.id = o.customer",
    ),
    "grouping sets": (
        "select day, count(*) n from orders group by rollup (day)",
        "select day, count(*) n from orders group by day",
    ),
    "recursion": (
        "with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select n from r",
        "with recursive r(n) as (select 1 union all select n + 1 from r where n < 6) select n from r",
    ),
}


@pytest.mark.parametrize("pair", EQUAL.values(), ids=EQUAL.keys())
def test_equal_queries_have_one_digest_and_equal_rows(pair: tuple[str, str]) -> None:
    connection = shop()
    first, second = (analysed(connection, text) for text in pair)
    assert first.coarse is None
    assert second.coarse is None
    assert first.canonical == second.canonical
    for one, other in ((first, second), (second, first)):
        assert connection.execute(f"from ({one.sql}) except all from ({other.sql})").fetchall() == []


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_queries_that_may_differ_have_two_digests(pair: tuple[str, str]) -> None:
    connection = shop()
    first, second = (analysed(connection, text) for text in pair)
    assert first.canonical != second.canonical


def test_a_coarse_query_keeps_its_digest_under_reformatting_only() -> None:
    connection = shop()
    digests = {
        analysed(connection, text).canonical
        for text in ("select columns('i.*') from orders", "select columns('i.*')\nfrom orders -- c\n;")
    }
    assert len(digests) == 1
    assert analysed(connection, "select columns('id') from orders").canonical not in digests


def test_a_coarse_digest_moves_with_the_order_of_input_columns() -> None:
    """A star in a set operation goes by position, and required columns are compared as a set."""
    connection = shop()
    query = "select columns(*) from customers union all select columns(*) from customers"
    before = analysed(connection, query).canonical
    connection.execute("create or replace table customers as select name, id, region from customers")
    assert analysed(connection, query).canonical != before


def test_a_star_moves_the_digest_when_its_table_gains_a_column() -> None:
    connection = shop()
    star, named = "select * from customers", "select name from customers"
    before = [analysed(connection, text).canonical for text in (star, named)]
    connection.execute("alter table customers add column email varchar")
    after = [analysed(connection, text).canonical for text in (star, named)]
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_a_long_chain_of_doubled_columns_stays_small() -> None:
    """Each step uses the one before twice: 2^40 leaves if columns were replaced by copies."""
    connection = shop()
    text = "select qty as v from orders"
    for _ in range(40):
        text = f"select v + v as v from ({text})"
    assert analysed(connection, text).coarse is None


def test_a_chain_of_twice_read_ctes_stays_small() -> None:
    connection = shop()
    steps = ["c0 as (select id from customers)"]
    steps += [f"c{i} as (select a.id from c{i - 1} a join c{i - 1} b on a.id = b.id)" for i in range(1, 25)]
    assert analysed(connection, f"with {', '.join(steps)} select id from c24").coarse is None


_SEEDED = """
from tests.core.shop import analysed, shop
from tests.core.test_canonical import EQUAL
connection = shop()
print([analysed(connection, pair[0]).canonical for pair in EQUAL.values()])
"""


def test_digests_do_not_depend_on_the_hash_seed() -> None:
    outputs = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(
            [sys.executable, "-c", _SEEDED], env=environment, capture_output=True, text=True, check=True, timeout=60
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1


ASPECTS = {
    "filter": ("select id from orders where id > 1", "select id from orders where id > 2", {"where"}),
    "column": ("select id, qty + 1 q from orders", "select id, qty + 2 q from orders", {"column:q"}),
    "join": (
        "select o.id from orders o join customers c on o.customer = c.id",
        "select o.id from orders o left join customers c on o.customer = c.id",
        {"from", "where", "column:id"},
    ),
    "grouping": (
        "select sum(qty) s from orders group by day",
        "select sum(qty) s from orders group by day, status",
        {"group"},
    ),
    "inner filter": (
        "select s from (select sum(qty) s from orders where id > 1)",
        "select s from (select sum(qty) s from orders where id > 2)",
        {"where"},
    ),
    "inner filter below a filter": (
        "select s from (select sum(qty) s from orders where id > 1) where s > 0",
        "select s from (select sum(qty) s from orders where id > 2) where s > 0",
        {"inner where"},
    ),
    "inner column": (
        "select s, n from (select sum(qty) s, sum(id) n from orders) where n > 0",
        "select s, n from (select sum(qty + 1) s, sum(id) n from orders) where n > 0",
        {"column:s"},
    ),
    "limit": ("select id from orders order by id limit 1", "select id from orders order by id limit 2", {"limit"}),
    "distinct": ("select id from orders", "select distinct id from orders", {"distinct"}),
    "aggregate": ("select 1 as x from orders", "select count(*) as x from orders", {"aggregated", "column:x"}),
    "union": (
        "select id from orders union all select id from customers",
        "select id from orders union select id from customers",
        {"all", "distinct"},
    ),
}


@pytest.mark.parametrize("name", ASPECTS)
def test_the_part_that_moved_is_named(name: str) -> None:
    one, other, moved = ASPECTS[name]
    with shop() as connection:
        before, after = (dict(analysed(connection, text).aspects) for text in (one, other))
    assert {part for part in before | after if before.get(part) != after.get(part)} == moved
