"""Where the values of each output come from: through every kind of scope, by position, and by nothing else."""

import pytest
from tests.core.shop import analysed, shop

LINEAGE: dict[str, tuple[str, list[str]]] = {
    "column": ("select id from orders", ["orders.id"]),
    "expression": (
        "select amount * qty as v, upper(status) from orders",
        ["orders.amount orders.qty", "orders.status"],
    ),
    "constant": ("select 1 as one, 'x' as s from orders", ["", ""]),
    "count of rows": ("select count(*) from orders", [""]),
    "a filter is no lineage": ("select id from orders where qty > 1", ["orders.id"]),
    "a join is no lineage": (
        "select o.id, c.name from orders o join customers c on o.customer = c.id",
        ["orders.id", "customers.name"],
    ),
    "a sort is no lineage": ("select id from orders order by qty limit 1", ["orders.id"]),
    "aggregate with a filter": ("select sum(amount) filter (where id > 1) s from orders", ["orders.amount orders.id"]),
    "window": (
        "select sum(qty) over (partition by customer order by day) w from orders",
        ["orders.customer orders.day orders.qty"],
    ),
    "case": ("select case when id > 1 then status end c from orders", ["orders.id orders.status"]),
    "subquery": (
        "select v, w from (select amount + price as v, id as w from orders)",
        ["orders.amount orders.price", "orders.id"],
    ),
    "chain of CTEs": (
        "with a as (select id x, qty y from orders), b as (select x + y z, x from a) select z, x from b",
        ["orders.id orders.qty", "orders.id"],
    ),
    "CTE of its table's name": (
        "with orders as (select customer as id from orders) select id from orders",
        ["orders.customer"],
    ),
    "star": ("select * from customers", ["customers.id", "customers.name", "customers.region"]),
    "star over a subquery and a table": (
        "select * from (select qty id from orders) a join customers c on a.id = c.id",
        ["orders.qty", "customers.id", "customers.name", "customers.region"],
    ),
    "using": ("select id from orders join customers using (id)", ["customers.id orders.id"]),
    "union by position": (
        "select id as a, qty as b from orders union all select n, id from orders",
        ["orders.id orders.n", "orders.id orders.qty"],
    ),
    "union of three": (
        "select id from orders union select id from customers union select order_id from returns",
        ["customers.id orders.id returns.order_id"],
    ),
    "union in a subquery": (
        "select b from (select id as a, qty as b from orders union all select 1, id from customers)",
        ["customers.id orders.qty"],
    ),
    "scalar subquery": (
        "select (select max(c.name) from customers c where c.id = o.customer) n from orders o",
        ["customers.name"],
    ),
    "in subquery": (
        "select customer in (select id from customers) b from orders",
        ["customers.id orders.customer"],
    ),
    "exists": (
        "select exists (select name from customers c where c.id = o.customer) e from orders o",
        [""],
    ),
    "lateral": ("select l.d from orders o, lateral (select o.qty * 2 as d) l", ["orders.qty"]),
    "unnest": ("select unnest(tags) t, id from orders", ["orders.tags", "orders.id"]),
    "unnest in from": ("select u.t from orders o, unnest(o.tags) u(t)", ["orders.tags"]),
    "struct": ("select info.a from orders", ["orders.info"]),
    "alias in an expression": ("select qty as q, q + 1 as r from orders", ["orders.qty", "orders.qty"]),
    "recursive CTE": (
        """with recursive r as (select id, qty, 1 as depth from orders
        union all select qty, id, depth + 1 from r where depth < 3) select id, depth from r""",
        ["orders.id orders.qty", ""],
    ),
    "values": ("values (1, 2)", ["", ""]),
    "names of the engine": ('select sum(qty) + 1, "ID" as "Id" from orders group by id', ["orders.qty", "orders.id"]),
}


@pytest.mark.parametrize(("text", "expected"), LINEAGE.values(), ids=LINEAGE.keys())
def test_the_lineage_of_each_output_is_what_its_value_is_made_of(text: str, expected: list[str]) -> None:
    connection = shop()
    inference = analysed(connection, text)
    assert inference.coarse is None
    assert [name for name, _ in inference.lineage] == list(connection.sql(text).columns)
    assert [" ".join(f"{d}.{c}" for d, c in pairs) for _, pairs in inference.lineage] == expected


def test_lineage_is_within_what_is_required() -> None:
    for text, _ in LINEAGE.values():
        inference = analysed(shop(), text)
        required = {(dataset, column) for dataset, columns in inference.inputs for column in columns}
        assert {pair for _, pairs in inference.lineage for pair in pairs} <= required
