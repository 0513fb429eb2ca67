"""What a query reads: enough that nothing else matters, no more than it needs, and everything where that is doubtful.

The rows of a query must not move when all columns that are not required are filled with other values. Breaks that
were tried and caught: pruning a DISTINCT, pruning the sides of a UNION, pruning a projection that makes rows, taking a
CTE for the table of its name, leaving the views' doubts unasked.
"""

from collections.abc import Mapping

import duckdb
import pytest
from tests.core.shop import NAMES, analysed, schema, shop

from relspec.core.inference import Inference, infer
from relspec.core.problem import Code
from relspec.core.query import QueryTrouble
from relspec.core.schema import schema_of
from relspec.core.work import ViewQuery

_NOISE = {
    "INTEGER": "77",
    "DOUBLE": "-7.5",
    "DATE": "DATE '1999-09-09'",
    "VARCHAR": "'noise'",
    "TINYINT": "7",
    "BIGINT": "777",
    "DECIMAL(9,2)": "7.77",
    "INTEGER[]": "[7, 7, 7, 7]",
    "JSON": "'[7]'",
}

PRECISE: Mapping[str, tuple[str, dict[str, str]]] = {
    "columns": ("select id, upper(status) s from orders", {"orders": "id status"}),
    "filter": ("select id from orders where qty > 1", {"orders": "id qty"}),
    "count": ("select count(*) n from orders", {"orders": ""}),
    "constant per row": ("select 1 as one from orders", {"orders": ""}),
    "star": ("select * from customers", {"customers": "id name region"}),
    "exclude": ("select * exclude (name) from customers", {"customers": "id region"}),
    "unread column of a subquery": ("select id from (select id, amount from orders)", {"orders": "id"}),
    "unread column of a CTE": ("with a as (select * from orders) select id from a", {"orders": "id"}),
    "unread window": ("select id from (select id, sum(qty) over (order by day) w from orders)", {"orders": "id"}),
    "distinct": ("select id from (select distinct id, qty from orders)", {"orders": "id qty"}),
    "distinct on": (
        "select id from (select distinct on (customer) id, qty from orders order by customer, day, id)",
        {"orders": "id customer day qty"},
    ),
    "union": (
        "select i from (select id i, qty q from orders union select id, 1 from customers)",
        {"orders": "id qty", "customers": "id"},
    ),
    "union all": (
        "select i from (select id i, qty q from orders union all select id, 1 from customers)",
        {"orders": "id", "customers": "id"},
    ),
    "union all by position": (
        "select q from (select id i, qty q from orders union all select n, customer from orders)",
        {"orders": "customer qty"},
    ),
    "except": (
        "select id from (select id, region from customers except select id, status from orders)",
        {"customers": "id region", "orders": "id status"},
    ),
    "group by": (
        "select s from (select day, sum(qty) s, max(id) m from orders group by day)",
        {"orders": "day qty"},
    ),
    "group by all": (
        "select s from (select day, status, sum(qty) s, max(id) m from orders group by all)",
        {"orders": "day status qty"},
    ),
    "group by position": ("select count(*) n from orders group by upper(status)", {"orders": "status"}),
    "having": ("select day from orders group by day having sum(qty) > 1", {"orders": "day qty"}),
    "qualify": (
        "select id from orders qualify row_number() over (partition by customer order by qty, id) = 1",
        {"orders": "id customer qty"},
    ),
    "order with a limit": ("select id from orders order by qty, id limit 2", {"orders": "id qty"}),
    "order by an alias": ("select id as x from orders order by x", {"orders": "id"}),
    "alias of a column's name": ("select qty as id from orders where id > 1", {"orders": "id qty"}),
    "alias in group by": ("select status as id, count(*) n from orders group by status", {"orders": "status"}),
    "join": (
        "select o.id, c.name from orders o join customers c on o.customer = c.id",
        {"orders": "id customer", "customers": "id name"},
    ),
    "using": ("select orders.qty from orders join customers using (id)", {"orders": "id qty", "customers": "id"}),
    "cross join for its rows": ("select o.id from orders o, customers", {"orders": "id", "customers": ""}),
    "semi join": (
        "select o.id from orders o semi join customers c on o.customer = c.id",
        {"orders": "id customer", "customers": "id"},
    ),
    "asof join": (
        "select o.id, c.id cid from orders o asof join (select distinct id from customers) c on o.customer >= c.id",
        {"orders": "id customer", "customers": "id"},
    ),
    "exists": (
        "select id from orders o where exists (select c.name from customers c where c.id = o.customer)",
        {"orders": "id customer", "customers": "id"},
    ),
    "in": (
        "select id from orders where customer in (select id from customers where region = 'north')",
        {"orders": "id customer", "customers": "id region"},
    ),
    "scalar subquery": (
        "select id, (select max(c.name) from customers c where c.id = o.customer) n from orders o",
        {"orders": "id customer", "customers": "id name"},
    ),
    "lateral": (
        "select o.id, l.d from orders o, lateral (select o.qty * 2 as d) l",
        {"orders": "id qty"},
    ),
    "lateral over a table": (
        "select o.id, l.n from orders o, lateral (select count(*) n from customers c where c.id = o.customer) l",
        {"orders": "id customer", "customers": "id"},
    ),
    "unnest": ("select id, unnest(tags) t from orders", {"orders": "id tags"}),
    "unread unnest": ("select id from (select id, unnest(tags) t from orders)", {"orders": "id tags"}),
    "unnest in from": ("select o.id, u.t from orders o, unnest(o.tags) u(t)", {"orders": "id tags"}),
    "struct": ("select info.a from orders", {"orders": "info"}),
    "struct of an alias": ("select o.info.name x from orders o", {"orders": "info"}),
    "lambda": ("select list_transform(tags, lambda n: n + id) l from orders", {"orders": "id tags"}),
    "filter of an aggregate": ("select sum(qty) filter (where id > 1) s from orders", {"orders": "id qty"}),
    "named window": (
        "select row_number() over w r from orders window w as (partition by customer order by qty, id, day)",
        {"orders": "id customer day qty"},
    ),
    "CTE of its table's name": (
        "with orders as (select * from orders where qty > 1) select id from orders",
        {"orders": "id qty"},
    ),
    "CTE read twice": (
        "with a as (select id, customer, qty from orders) select x.id from a x join a y on x.id = y.customer",
        {"orders": "id customer"},
    ),
    "unused CTE": ("with a as (select id from customers) select id from orders", {"orders": "id", "customers": ""}),
    "recursive CTE": (
        """with recursive r as (select id, 1 as depth, qty from orders where id < 3
        union all select id + 1, depth + 1, qty from r where depth < 3) select id from r""",
        {"orders": "id"},
    ),
    "recursive CTE that compares rows": (
        """with recursive r as (select id, qty from orders where id < 3
        union select id + 1, qty from r where id < 3) select id from r""",
        {"orders": "id qty"},
    ),
    "values": ("select v.a from (values (1, 2), (3, 4)) v(a, b)", {}),
    "from first": ("from orders select id where qty > 1", {"orders": "id qty"}),
    "precedence in doubt": ("select id + qty % 2 as v from orders", {"orders": "id qty"}),
    "star in a subquery of a join": (
        "select k, name from (select * from (select id k from orders) a join customers c on a.k = c.id)",
        {"orders": "id", "customers": "id name"},
    ),
    "distinct star of repeated names": (
        "select count(*) n from (select distinct * from returns r join customers c on r.id = c.id)",
        {"returns": "id order_id reason", "customers": "id name region"},
    ),
    "unread subquery": (
        "select id from (select id, (select max(name) from customers) m from orders)",
        {"orders": "id", "customers": ""},
    ),
}

COARSE = {
    "natural join": ("select name from orders natural join customers", "NATURAL"),
    "positional join": ("select o.id from orders o positional join customers c", "POSITIONAL"),
    "columns": ("select columns('i.*') from orders", "COLUMNS"),
    "union by name": ("select id from orders union all by name select id from customers", "BY NAME"),
    "pivot": ("pivot orders on status using sum(qty)", "PIVOT"),
    "pivot in a subquery": ("select * from (pivot orders on status using sum(qty))", "PIVOT"),
    "unpivot": ("unpivot customers on name, region into name k value v", "PIVOT"),
    "summarize": ("summarize customers", "SUMMARIZE"),
    "whole row": ("select o from orders o", "resolved"),
    "whole row in a function": ("select to_json(c) j from customers c", "resolved"),
    "sample": ("select id from orders tablesample 50%", "sample"),
    "using sample": ("select id from orders using sample 2", "sample"),
    "position": ("select #1 from orders", "position"),
    "rowid": ("select rowid from orders", "resolved"),
    "list comprehension": ("select [t + 1 for t in tags] x from orders", "comprehension"),
    "field of JSON": ("select doc.A from orders", "JSON"),
    "field of a computed JSON": ("select (case when id > 1 then doc end).A as x from orders", "JSON"),
    "star of repeated names": (
        "select count(*) n from (select distinct * from (select * from returns o join customers c on o.id = c.id))",
        "star",
    ),
    "method on a column": ("select status.upper() u from orders", "status"),
    "unit that is a column": ("select date_trunc(status, day) d from orders where status = 'day'", "date_trunc"),
    "unit with the name of a column": ('select date_trunc("status", day) d from orders where false', "date_trunc"),
    "argument that the parser drops": (
        "select time_bucket(interval '1 day', day, coalesce(day, date '2020-01-01')) b from orders",
        "time_bucket",
    ),
    "column as the key of a map": ("select map {status: id} m from orders where status is not null", "status"),
    "alias over a column in qualify": (
        "select qty as id from orders qualify id > 1 and row_number() over (order by day) > 0",
        "QUALIFY",
    ),
}


def _required(inference: Inference) -> dict[str, str]:
    return {dataset: " ".join(columns) for dataset, columns in inference.inputs}


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    return sorted(repr(row) for row in connection.execute(sql).fetchall())


def _only(inference: Inference) -> duckdb.DuckDBPyConnection:
    """Open a shop that holds nothing but the inputs, with noise in all columns that are not required."""
    connection = shop()
    required = dict(inference.inputs)
    for name in NAMES:
        if name not in required:
            connection.execute(f"drop table {name}")
            continue
        for column in schema(connection, f"from {name}").columns:
            if column.name not in required[name]:
                noise = _NOISE.get(column.type, "null")
                connection.execute(f"update {name} set {column.name} = {noise}")
    return connection


@pytest.mark.parametrize(("text", "required"), PRECISE.values(), ids=PRECISE.keys())
def test_a_query_requires_exactly_these_columns(text: str, required: dict[str, str]) -> None:
    inference = analysed(shop(), text)
    assert inference.coarse is None
    assert _required(inference) == required


@pytest.mark.parametrize(("text", "required"), PRECISE.values(), ids=PRECISE.keys())
def test_nothing_but_the_required_columns_decides_about_rows(text: str, required: dict[str, str]) -> None:
    connection = shop()
    inference = analysed(connection, text)
    assert _rows(connection, inference.sql) == _rows(connection, text)
    assert _rows(_only(inference), inference.sql) == _rows(connection, text)


@pytest.mark.parametrize(("text", "reason"), COARSE.values(), ids=COARSE.keys())
def test_what_is_not_understood_requires_everything(text: str, reason: str) -> None:
    connection = shop()
    inference = analysed(connection, text)
    assert inference.coarse is not None
    assert reason in inference.coarse
    for dataset, columns in inference.inputs:
        assert columns == tuple(c.name for c in schema(connection, f"from {dataset}").columns)
    pairs = tuple((dataset, column) for dataset, columns in inference.inputs for column in columns)
    assert all(row[1] == pairs for row in inference.lineage)
    connection.execute(inference.sql)


def test_required_columns_have_the_spelling_and_order_of_the_schema() -> None:
    connection = duckdb.connect()
    connection.execute('create table main."My Orders" ("Qty" INTEGER, "Id" INTEGER, other VARCHAR)')
    schemas = {"My Orders": schema(connection, 'from "My Orders"')}
    inference = infer('select id, QTY from "my orders"', schemas, {}, schema_of({"Id": "INTEGER", "Qty": "INTEGER"}))
    assert isinstance(inference, Inference)
    assert inference.sql == 'select id, QTY from "main"."My Orders"'
    assert inference.inputs == (("My Orders", ("Qty", "Id")),)
    assert inference.lineage == (("Id", (("My Orders", "Id"),)), ("Qty", (("My Orders", "Qty"),)))


def test_what_executes_is_the_text_as_written() -> None:
    text = "-- top\nSELECT  Id, sum(QTY)+1,\n\tupper(STATUS) From Orders o -- o\n GROUP BY ALL; -- end"
    inference = analysed(shop(), text)
    assert inference.sql == (
        '-- top\nSELECT  Id, sum(QTY)+1,\n\tupper(STATUS) From "main"."orders" o -- o\n GROUP BY ALL'
    )
    assert shop().sql(inference.sql).columns == shop().sql(text).columns


def test_a_table_named_with_its_schema_executes_as_the_dataset() -> None:
    inference = analysed(shop(), "select orders.id from memory.main.ORDERS join main.customers c on true")
    assert inference.sql == 'select orders.id from "main"."orders" join "main"."customers" c on true'


def test_an_unknown_dataset_is_named_with_its_place_and_the_nearest_name() -> None:
    found = infer("select 1\nfrom ordrs", {"orders": schema_of({"id": "INTEGER"})}, {}, schema_of({"1": "INTEGER"}))
    assert found == QueryTrouble(Code.UNKNOWN_DATASET, "there is no dataset 'ordrs'", 2, 6, "did you mean 'orders'?")


def test_a_wrong_text_is_trouble() -> None:
    found = infer("select from where", {}, {}, schema_of({}))
    assert isinstance(found, QueryTrouble)
    assert found.code == Code.SYNTAX


def test_outputs_that_the_engine_sees_otherwise_make_the_analysis_coarse() -> None:
    schemas = {"orders": schema_of({"id": "INTEGER", "qty": "BIGINT"})}
    for outputs in (schema_of({"id": "INTEGER"}), schema_of({"qty": "BIGINT", "id": "INTEGER"})):
        found = infer("select * from orders", schemas, {}, outputs)
        assert isinstance(found, Inference)
        assert found.coarse is not None
        assert [row[0] for row in found.lineage] == [c.name for c in outputs.columns]


VIEW = 'select id, customer as who, qty * 2 as twice, status from "main".orders where amount > 0 -- a view\'s comment'


def _view(connection: duckdb.DuckDBPyConnection, sql: str = VIEW, name: str = "big") -> dict[str, ViewQuery]:
    return {name: ViewQuery(name, sql, schema(connection, sql))}


def test_a_view_is_inlined_and_pruned_through() -> None:
    connection = shop()
    inference = analysed(connection, "select who from big where id > 0", _view(connection))
    assert inference.sql == f'select who from ({VIEW}\n) AS "big" where id > 0'
    assert inference.inputs == (("orders", ("id", "customer", "amount")),)
    assert inference.views == (("big", ("id", "who")),)
    assert inference.lineage == (("who", (("orders", "customer"),)),)
    assert inference.coarse is None


@pytest.mark.parametrize(
    "text",
    [
        "select b.twice from big b where b.id > 1",
        "select x from BIG as z(i, w, x)",
        "select main.big.twice from main.big",
        "with orders as (select 5 as id) select big.id, orders.id from big, orders",
        "select twice from big union all select qty from orders",
        "select a.id from big a join big b on a.id = b.who",
        "select * from big join customers on big.who = customers.id",
        "with big as (select * from big where id > 1) select twice from big",
        "pivot big on status using sum(twice)",
        "summarize big",
        "select (select max(twice) from big where big.id = o.id) m from orders o",
    ],
)
def test_a_consumer_of_an_inlined_view_gives_the_rows_that_the_view_gives(text: str) -> None:
    connection = shop()
    inference = analysed(connection, text, _view(connection))
    bare = shop()
    assert _rows(bare, inference.sql) == _rows(connection, text)
    assert [dataset for dataset, _ in inference.views] == ["big"]


def test_a_cte_of_the_consumer_does_not_capture_a_table_of_the_view() -> None:
    connection = shop()
    text = "with orders as (select 5 as id) select max(big.id) m from big, orders"
    inference = analysed(connection, text, _view(connection))
    assert inference.inputs == (("orders", ("id", "amount")),)
    assert shop().execute(inference.sql).fetchall() == connection.execute(text).fetchall()


def test_a_view_is_as_good_as_its_query() -> None:
    connection = shop()
    by_view = analysed(connection, "select who from big where id > 0", _view(connection))
    by_hand = analysed(connection, "select customer as who from orders where id > 0 and amount > 0")
    assert by_view.canonical == by_hand.canonical


def test_an_edit_of_an_unread_column_of_a_view_leaves_its_consumer_alone() -> None:
    connection = shop()
    text = "select who from big where id > 0"
    before = analysed(connection, text, _view(connection))
    after = analysed(connection, text, _view(connection, VIEW.replace("qty * 2", "qty * 3")))
    assert (before.canonical, before.inputs) == (after.canonical, after.inputs)
    moved = analysed(connection, text, _view(connection, VIEW.replace("amount > 0", "amount > 1")))
    assert before.canonical != moved.canonical


def test_unnamed_outputs_of_a_view_have_the_names_that_the_engine_gave() -> None:
    connection = shop()
    view = _view(connection, 'select status, count(*), max("qty") from "main".orders group by 1', "counts")
    inference = analysed(connection, 'select "count_star()" as n from counts', view)
    assert inference.coarse is None
    assert inference.views == (("counts", ("count_star()",)),)
    assert inference.inputs == (("orders", ("status",)),)


def test_a_view_that_is_not_understood_makes_its_consumer_coarse() -> None:
    connection = shop()
    view = _view(connection, "select columns('i.*|q.*') from \"main\".orders", "picked")
    inference = analysed(connection, "select id from picked", view)
    assert inference.coarse is not None
    assert _required(inference) == {"orders": "id customer amount day status n qty price tags info doc"}
    assert inference.views == (("picked", ("id", "qty", "price", "info")),)


def test_views_within_views_reach_the_tables() -> None:
    connection = shop()
    inner = _view(connection)
    connection.execute(f"create temp view big as {VIEW}")
    first = analysed(connection, "select who, id from big", inner)
    outer = {"top": ViewQuery("top", first.sql, schema(connection, first.sql))}
    inference = analysed(connection, "select who from top", outer)
    assert inference.inputs == (("orders", ("customer", "amount")),)
    assert inference.views == (("top", ("who",)),)
    assert inference.coarse is None
