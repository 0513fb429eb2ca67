"""What a query's result depends on besides the rows that it reads, and that silence about it can be trusted.

Every query runs over the same rows in many orders, on one thread. Without a finding all results are equal as bags; for
each kind of finding there are rows and orders with different results, so that no warning is noise. Ties, NULLs, equal
rows and floats of different sizes are in the data on purpose.

Breaks that were tried and caught: taking a left join's right row for settled without its left one, taking the equality
of a left join for one of an inner join, taking a lateral subquery's single row for the same row everywhere, letting the
keys of CUBE tell groups apart, taking the columns of an ASOF join's expression for settled, letting FSUM pass, weighing
an ORDER BY that nobody limits, outputs that nobody needs, forgetting FULL joins, UNNEST and that a frame of ROWS counts
rows, following `rows_of` without renaming columns.
"""

from collections.abc import Iterator, Mapping

import duckdb
import pytest
from msgspec.structs import replace
from sqlglot import exp, parse_one
from sqlglot.errors import ParseError

from relspec.core.behaviour import behaviour_of
from relspec.core.finding import Finding, Repeatability, Uniqueness, open_findings
from relspec.core.inference import Inference, infer
from relspec.core.schema import Column, Schema
from relspec.core.warning import WarningCode
from relspec.core.work import ViewQuery

N_ORDERS = 24
KS = "(select distinct k from events)"

TABLES: Mapping[str, str] = {
    # Rows repeat as a whole, `k` ties, `v` and `d` have NULLs, `x` has floats whose sum hangs on their order.
    "events": """
        select i % 7 as k, i % 5 as g, nullif(i % 11, 3) as v, (i * 37 % 101) / 7 * pow(10, i % 9) as x,
            (i % 13)::DECIMAL(9, 2) as price, date '2024-01-01' + (i % 17)::INTEGER as d, 'n' || (i % 3) as s
        from range(240) t(i)""",
    # `id` is unique, and `days.day` too.
    "orders": """
        select i as id, i % 9 as customer, i % 4 as n, (i * 37 % 101) / 7 * pow(10, i % 9) as x, 'o' || i as label
        from range(90) t(i)""",
    "customers": "select i as id, 'c' || (i % 4) as name, i % 2 as region from range(12) t(i)",
    "days": "select date '2024-01-01' + i::INTEGER as day, i % 3 as w, i % 4 + 0.5 as load from range(17) t(i)",
}

#: What is unique in the datasets, as the plans of tasks say it; `events` and `orders` are sources.
KNOWN: Mapping[str, Uniqueness] = {
    "customers": Uniqueness((("id",),), None, ()),
    "days": Uniqueness((("day",),), None, ()),
}


@pytest.fixture(scope="module")
def shuffled() -> Iterator[list[duckdb.DuckDBPyConnection]]:
    """The same tables, with their rows in another order in each database."""
    connections = []
    for seed in range(N_ORDERS):
        connection = duckdb.connect(config={"threads": 1})
        for name, query in TABLES.items():
            connection.execute(f"create table base as {query}")
            connection.execute(f"create table {name} as select * from base order by hash(rowid, {seed})")
            connection.execute("drop table base")
        connections.append(connection)
    yield connections
    for connection in connections:
        connection.close()


def described(connection: duckdb.DuckDBPyConnection, query: str) -> Schema:
    return Schema(tuple(Column(r[0], r[1]) for r in connection.execute(f"describe {query}").fetchall()))


def inferred(
    connection: duckdb.DuckDBPyConnection, text: str, views: Mapping[str, ViewQuery] | None = None
) -> Inference:
    for view in (views or {}).values():
        connection.execute(f'create or replace temp view "{view.dataset}" as {view.sql}')
    schemas = {name: described(connection, f"from main.{name}") for name in TABLES}
    found = infer(text, schemas, views or {}, described(connection, text))
    assert isinstance(found, Inference), found
    return found


def findings(connection: duckdb.DuckDBPyConnection, text: str) -> list[Finding]:
    return list(open_findings(inferred(connection, text).repeatability, KNOWN.get))


def results(connections: list[duckdb.DuckDBPyConnection], text: str) -> set[tuple[str, ...]]:
    """The different results as bags; floats count to their last digit."""
    return {tuple(sorted(map(repr, c.execute(text).fetchall()))) for c in connections}


QUIET = [
    "select d.day, unnest([1, 2]) as x from days d order by d.day, x limit 5",
    "select e.d, q.w from events e asof join (select day, max(w) as w from days group by day) q on e.d >= q.day",
    "select e.k, o.n from events e asof left join orders o on e.k >= o.n",
    "select e.k, o.n from events e asof join orders o on e.k >= o.n order by e.k limit 5",
    "select e.k from events e asof join orders o on e.k >= o.n order by o.id",
    "select e.k from events e asof join orders o on e.k >= o.n + o.id",
    "select e.k from events e asof semi join orders o on e.k >= o.n",
    "select e.d, d.w from events e asof join days d on e.d >= d.day",
    "select e.d, d.load from events e asof left join days d on e.k = d.w and e.d >= d.day",
    "select e.d, d.load, d.w from events e asof join (select day as d, w, load from days) d using (d)",
    "select e.k, o.id from events e asof join (select n, max(id) as id from orders group by n) o on e.k >= o.n",
    "select d.day, unnest([1, 2]) as w from days d order by d.day, 2 limit 5",
    "select d.day, unnest([1, 2]) as w from days d order by d.day, w limit 5",
    "select d.day, unnest([1, 2]) from days d order by all limit 5",
    "select distinct on (day) day, unnest([1, 2]) as x from days order by day, x",
    "select day, parse_formatted_bytes('1 KB') as x from days order by day limit 5",
    "with t as (select parse_formatted_bytes(count(*) || ' KB') as n from events) select n, 1 as a from t limit 2",
    "select unnest([max(v), min(k)]) as u from events limit 1",
    "select array(select unnest([1, 2]) as u from days order by day, u) as l",
    "select array(select unnest([v, g]) as u from events order by all) as l",
    "select day, array(select unnest([3, w])) as l from days",
    "select array(select unnest([max(v), min(k)]) from events) as l",
    "select k, (select list(v order by v)) as l from events group by k",
    "select k, sum(v) as s, avg(v) as a, count(*) as n from events group by k",
    "select k, sum(price) as s, avg(price) as a from events group by k",
    "select k, sum(x::DECIMAL(38, 4)) as s from events group by k",
    "select sum(length(s)) as n, sum(extract(day from d)) as m, sum(if(x > 1, 1, 0)) as c from events",
    "select k, max(x) as m, min(x) as l, median(x) as e, quantile_cont(x, 0.3) as q from events group by k",
    "select k, any_value(k) as a, first(k + 1) as b from events group by k",
    "select k, first(v order by v) as f, last(v order by v desc, k) as l from events group by k",
    "select k, list(v order by v) as l, string_agg(s, ',' order by s) as t from events group by k",
    "select k, list_sort(list(v)) as l, len(list(distinct v)) as n from events group by k",
    "select k, arg_max(s, s) as a, arg_max(s, (v, s)) as b, arg_min(s, row(v, s)) as c from events group by k",
    "select k, mode(v order by v) as m from events group by k",
    "select k, histogram(v) as h, approx_count_distinct(s) as n, bit_xor(k) as b from events group by k",
    "select * from events order by all limit 10",
    "select k, v from events order by v, k limit 10",
    "select k from (select k, v, x from events order by k limit 10)",
    "select k, v + 1 as w, count(*) as n from events group by k, v order by k, v limit 5",
    "select k as a, count(*) as n from events group by 1 order by 1 limit 3",
    "select k, count(*) as n from events group by all order by n desc, k limit 3",
    "select k, s, sum(v) as n from events group by all order by all limit 3",
    "select upper(s) as u, count(*) as n from events group by upper(s) order by u limit 2",
    "select distinct k, s from events order by s, k limit 4",
    "select count(*) as n, sum(v) as s from events limit 1",
    "select 1 as one from events limit 3",
    "select k from events where k = 3 limit 5",
    "select k, v from events where k = 3 order by v limit 5",
    "select k from events where exists (select 1 from orders where orders.n = events.k limit 1)",
    "select k from events where k in (select n from orders order by n limit 20)",
    "select k, (select max(id) from orders) as m from events order by k limit 5",
    "select k from events union select n from orders order by k limit 4",
    "select k, v from events union all select n, id from orders order by 1, 2 limit 9",
    "select k, row_number() over (partition by k order by k) as n from (select k from events)",
    "select k, v, rank() over (order by v) as r, dense_rank() over (order by k) as q from events",
    "select k, row_number() over (order by c.k, c.n) as r from (select k, count(*) n from events group by k) c",
    "select k, sum(v) over (partition by k order by v) as s, count(*) over (order by d) as c from events",
    "select k, d, sum(v) over (order by d range between interval 3 days preceding and current row) as s from events",
    "select k, first_value(v) over (partition by k order by v) as f, last_value(d) over (order by d) as l from events",
    "select k, v, lag(v) over (partition by k order by v) as p from events",
    "select k, v from events qualify row_number() over (partition by k order by v) = 1",
    "select k, sum(v) over w as s from events window w as (partition by k order by d)",
    "select distinct on (k) k, v from events order by k, v",
    "select distinct on (k, v) k, v from events",
    "select day, w from days order by day limit 5",
    "select day, row_number() over (order by day) as n, w from days",
    "select day, sum(load::DOUBLE) over (order by day) as s, lag(w) over (order by day) as p from days",
    "select w, sum(load) as s from days group by w",
    "select day, w, n from days left join (select d, count(*) n from events group by 1) on d = day order by 1 limit 4",
    "select d.day, d.w from days d semi join events e on e.d = d.day order by d.day limit 4",
    "select d.day, d.w, c.name from days d join customers c on c.id = d.w order by d.day limit 4",
    "select d.day, c.name from days d left join customers c on c.id = d.w and c.region < 5 order by d.day limit 9",
    "select day, name from days join customers using (id)".replace("using (id)", "on w = id")
    + " order by id, day limit 4",
    "select d, load from (select distinct d from events) join days on day = d order by d limit 3",
    "with a as (select day, w from days where w > 0) select * from a order by day limit 4",
    "with recursive r as (select 1 as n union all select n + 1 from r where n < 9) select n from r order by n limit 3",
    "select k, coalesce(v, 0) as w from events order by coalesce(v, 0), k limit 7",
    "select row_number() over (order by k, v) as n, k, v from events order by n limit 9",
    "select k from (select k, random() as r from events)",
    "select k, v from events order by random()",
    "select n, unnest(list(id order by id)) as i from orders group by n",
    "select array(select id from orders order by id) as l",
    "select n, c.id, name, max(label) from orders join customers c on c.id = n group by 1, 2, 3 order by 1, 2 limit 7",
]

WARNED: list[tuple[str, str]] = [
    ("row-order", "select e.k, o.id from events e asof left join orders o on e.k >= o.n"),
    ("row-order", "select e.k, (select o.id) as z from events e asof join orders o on e.k >= o.n"),
    ("row-order", "select e.k, c.x from events e asof join (select n as k, x from orders) c using (k)"),
    ("row-order", "select e.k, c.name from events e asof join orders o on e.k >= o.n join customers c on c.id = o.id"),
    ("row-order", "select e.k, o.n from events e asof join orders o on e.k >= o.n + o.id"),
    ("row-order", "select e.k, c.id from events e asof join customers c on e.k >= c.id % 3"),
    ("row-order", "select e.k, o.id from events e asof full join orders o on e.k >= o.n"),
    ("row-order", "select columns('k|id') from events e asof join orders o on e.k >= o.n"),
    ("partial-order", "select d.day, unnest([1, 2]) as x from days d order by d.day limit 5"),
    ("partial-order", "select d.day, unnest([1, 2]) as w from days d order by d.day, d.w limit 5"),
    ("partial-order", "select d.day, generate_subscripts([5, 6], 1) as x from days d order by d.day limit 5"),
    (
        "partial-order",
        """select d.day, f.u from days d left join (select unnest([max(v), min(k)]) as u from events) f on true
            order by d.day limit 3""",
    ),
    ("list-order", "select array(select unnest([1, 2]) from days order by day) as l"),
    ("list-order", "select array(select unnest([v, g]) from events) as l"),
    ("list-order", "select k, array(select unnest(list(v))) as l from events group by k"),
    ("list-order", "select k, (select list(v)) as l from events group by k"),
    ("first-of-many", "select k, (select any_value(v) from days limit 1) as l from events group by k"),
    (
        "row-order",
        """with recursive t(a, b) using key (a) as (
            select 1, 0 union select t.a, o.id from t, orders o where o.n = 1 and t.b = 0
        ) select a, b from t""",
    ),
    ("limit-without-order", "select k, v from events limit 5"),
    ("limit-without-order", "select k from events where k in (select n from orders limit 1)"),
    ("limit-without-order", "select k, v from events union all select n, id from orders limit 5"),
    ("limit-without-order", "select k, (select label from orders limit 1) as l from events"),
    ("limit-without-order", "select k, v from events offset 200"),
    (
        "partial-order",
        "select c.id as c, o.id from orders o left join customers c on c.id = o.id order by c.id desc limit 15",
    ),
    ("first-of-many", "select k, first(k) as f from events group by rollup (k)"),
    ("partial-order", "select k, v from events order by k limit 5"),
    ("partial-order", "select s || k as u, count(*) as n from events group by 1 order by n limit 3"),
    ("partial-order", "select k, v from events order by 1 limit 10%"),
    ("partial-order", "select k, v from events union all select n, id from orders order by k limit 5"),
    ("partial-order", "select d.day, e.v from days d join events e on e.d = d.day order by d.day limit 4"),
    ("partial-order", "select d.day, e.v from days d left join events e on e.d = d.day order by d.day limit 4"),
    ("distinct-on", "select distinct on (k) k, v from events order by k"),
    ("first-of-many", "select k, first(v) as f from events group by k"),
    ("first-of-many", "select k, any_value(s) as f from events group by k"),
    ("first-of-many", "select k, arbitrary(s) as f from events group by k"),
    ("first-of-many", "select last(s) as f from events"),
    ("first-of-many", "select g, first(v order by k) as f from events group by g"),
    ("first-of-many", "select k, arg_max(s, g) as a from events group by k"),
    ("first-of-many", "select k, max_by(d, g) as a from events group by k"),
    ("first-of-many", "select mode(s) as m from (select s from events union all select s from events) where s <> 'n0'"),
    ("list-order", "select k, list(v) as l from events group by k"),
    ("list-order", "select k, string_agg(s, ',') as l from events group by k"),
    ("list-order", "select list(distinct d) as l from events"),
    ("list-order", "select k, array_agg(v order by g) as l from events group by k"),
    ("list-order", "select json_group_array(v) as l from events"),
    ("list-order", "select array(select v from events) as l"),
    ("window-ties", "select k, v, row_number() over (order by k) as n from events"),
    ("window-ties", "select k, v, row_number() over () as n from events"),
    ("window-ties", "select k, v, ntile(3) over (order by k) as n from events"),
    ("window-ties", "select k, v, lag(v) over (order by k) as n from events"),
    ("window-ties", "select k, first_value(v) over (order by k) as n from events"),
    ("window-ties", "select k, nth_value(v, 2) over (partition by k order by g) as n from events"),
    ("window-ties", "select k, v, sum(v) over (order by k rows between 1 preceding and current row) as n from events"),
    ("window-ties", "select k, v from events qualify row_number() over (partition by k order by g) = 1"),
    ("window-ties", "select k, v, sum(v) over w as n from events window w as (order by k rows 2 preceding)"),
    ("float-sum", "select sum(x) as s from events"),
    ("float-sum", "select k, avg(x * 2) as s from events group by k"),
    ("float-sum", "select sum(v / 3 * pow(10, g)) as s from events"),
    ("float-sum", "select stddev(v) as s, k from events group by k"),
    ("float-sum", "select corr(v, g) as s from events"),
    ("float-sum", "select k, sum(x) over (partition by k) as s from events"),
    ("float-sum", "select sum(y) as s from (select x + 1 as y from events)"),
    ("float-sum", "select sum(x) filter (where k > 1) as s from events"),
    ("float-sum", "select k, fsum(x) as f from events group by k"),
    ("approximate", "select approx_top_k(v, 2) as q from events"),
    ("approximate", "select reservoir_quantile(v, 0.5, 20) as q from events"),
    ("random", "select k, random() as r from events"),
    ("random", "select k, uuid() as r from events"),
    ("sample", "select k, v from events using sample 5 rows"),
    ("row-order", "select events.v, orders.id from events positional join orders"),
]


#: Not determined either, though the engine's way of doing it hides that on these tables.
OPEN = [
    "select l.n from days, lateral (select count(*) as n from events where d < day) l limit 3",
    "select k, 1 as one from events where k = 3 group by rollup (k) order by one limit 1",
    "select m.n from orders o left join (select count(*) as n from days) m on o.n > 2 limit 5",
    "select d.day, l.v from days d, lateral (select max(v) v from events where d = day) l order by d.w limit 4",
    "select k, s, count(*) n from events group by rollup (k, s) order by k limit 3",
    "select o.id, c.id as c from orders o full join customers c on c.id = o.id order by c.id limit 3",
    "select k, count(*) as n from events group by k order by n limit 3",
    "select o.label, c.name from orders o left join customers c on o.n > 2 and c.id = 3 order by c.id limit 3",
    "select distinct on (k) k, v from events order by k limit 3",
    "select distinct on (day) day, unnest([1, 2]) as x from days",
    "select u from (select unnest(list(s order by s)) as u from events) limit 100",
    "select e.k from events e asof join orders o on e.k >= o.n where o.id = 3",
    "select e.k, o.n from events e asof full join orders o on e.k >= o.n",
    f"select c.k, first(e.k) as f from events e asof join {KS} c using (k) group by c.k",
]


@pytest.mark.parametrize("text", QUIET)
def test_silence_means_that_the_order_of_rows_does_not_matter(
    shuffled: list[duckdb.DuckDBPyConnection], text: str
) -> None:
    assert findings(shuffled[0], text) == []
    assert len(results(shuffled, text)) == 1


@pytest.mark.parametrize(("code", "text"), WARNED)
def test_a_warning_is_no_noise(shuffled: list[duckdb.DuckDBPyConnection], code: str, text: str) -> None:
    assert code in [f.code for f in findings(shuffled[0], text)]
    assert len(results(shuffled, text)) > 1


@pytest.mark.parametrize("text", OPEN)
def test_what_the_engine_happens_to_settle_is_not_taken_for_settled(
    shuffled: list[duckdb.DuckDBPyConnection], text: str
) -> None:
    assert findings(shuffled[0], text) != []


def test_each_code_but_the_clock_has_a_query_that_shows_it() -> None:
    assert {code for code, _ in WARNED} == set(WarningCode) - {WarningCode.CLOCK}


def test_every_function_of_the_engine_is_known_to_behave_or_not() -> None:
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select function_name, function_type, bool_or(stability <> 'CONSISTENT') from duckdb_functions() "
            "where function_type in ('scalar', 'aggregate') and function_name similar to '[a-z_0-9]+' group by all"
        ).fetchall()
    unstable = {name for name, kind, changes in rows if kind == "scalar" and changes}
    assert {name for name in unstable if behaviour_of(_call(name)) is None} == HARMLESS
    aggregates = {name for name, kind, _ in rows if kind == "aggregate"}
    assert {name for name in aggregates if behaviour_of(_call(name)) is None} == OF_THE_BAG


#: They depend on the connection, which is opened in one way, or give nothing back.
HARMLESS = {"current_database", "current_schema", "current_schemas", "error", "in_search_path", "sleep_ms", "write_log"}
#: Aggregates and window functions that any order of the same rows gives the same result for.
OF_THE_BAG = {
    *("approx_count_distinct", "bit_and", "bit_or", "bit_xor", "bitstring_agg", "bool_and", "bool_or", "count"),
    *("count_if", "count_star", "countif", "cume_dist", "dense_rank", "histogram", "histogram_exact", "mad", "max"),
    *("median", "min", "percent_rank", "quantile", "quantile_cont", "quantile_disc", "rank", "rank_dense"),
    "regr_count",
}


def _call(name: str) -> exp.Expr:
    """How the parser reads a call of a function; some need two arguments."""
    for arguments in ("x", "x, y", ""):
        try:
            tree = parse_one(f"select {name}({arguments})", dialect="duckdb")
        except ParseError:
            continue
        node = tree.expressions[0]
        return node.this if isinstance(node, exp.IgnoreNulls) else node
    raise AssertionError(name)


def test_a_finding_points_at_its_construct(shuffled: list[duckdb.DuckDBPyConnection]) -> None:
    text = """with a as (select any_value(k) as k from events group by g limit 3)
select first(k) as f,
    row_number() over () as n,
    current_date as today
from (select k from a limit 2) as b
group by k
limit 4"""
    places = {(f.code.value, f.line, f.column) for f in findings(shuffled[0], text)}
    assert places == {
        ("first-of-many", 1, 19),
        ("limit-without-order", 1, 60),
        ("window-ties", 3, 5),
        ("clock", 4, 5),
        ("limit-without-order", 5, 23),
        ("limit-without-order", 7, 1),
    }


def test_a_warning_stands_unless_the_input_is_unique(shuffled: list[duckdb.DuckDBPyConnection]) -> None:
    found = inferred(shuffled[0], "select id, label from orders order by id limit 3").repeatability
    assert [f.unless for f in found.findings] == [(("orders", ("id",)),)]
    assert list(open_findings(found, {"orders": Uniqueness((("id",),), None, ())}.get)) == []
    assert list(open_findings(found, {"orders": Uniqueness((("id", "label"),), None, ())}.get)) != []
    assert list(open_findings(found, {}.get)) != []


def test_an_asof_join_is_void_where_what_it_compares_is_unique(shuffled: list[duckdb.DuckDBPyConnection]) -> None:
    found = inferred(
        shuffled[0], "select e.k, o.id from events e asof join orders o on e.g = o.customer and e.k >= o.n"
    )
    assert [f.unless for f in found.repeatability.findings] == [(("orders", ("customer", "n")),)]
    computed = inferred(shuffled[0], "select e.k, o.label from events e asof join orders o on e.k >= o.id % 3")
    assert [f.unless for f in computed.repeatability.findings] == [()]


def test_what_was_not_analysed_is_told_in_the_same_words(shuffled: list[duckdb.DuckDBPyConnection]) -> None:
    calls = "now() as t, random() as r, approx_top_k(k, 2) as a from events group by k"
    known, coarse = (inferred(shuffled[0], f"select {first}, {calls}") for first in ("k", "columns('k')"))
    assert (known.coarse, coarse.coarse is None) == (None, False)
    said = [{(f.code, f.message, f.hint) for f in i.repeatability.findings} for i in (known, coarse)]
    assert said[0] == said[1]
    assert {code for code, _, _ in said[0]} == {WarningCode.CLOCK, WarningCode.RANDOM, WarningCode.APPROXIMATE}


def test_uniqueness_goes_through_tasks_that_hand_rows_on(shuffled: list[duckdb.DuckDBPyConnection]) -> None:
    """`recent` hands the rows of `days` on, under other names; `worked` reads it."""
    recent = inferred(shuffled[0], "select w as kind, day as at from days where w > 0").repeatability.uniqueness
    assert recent == Uniqueness((), "days", (("kind", "w"), ("at", "day")))
    finding = inferred(shuffled[0], "select id, name from customers order by id limit 2").repeatability
    renamed = replace(finding.findings[0], unless=(("recent", ("at",)),))
    known = {**KNOWN, "recent": recent}
    assert list(open_findings(Repeatability((renamed,), recent), known.get)) == []
    other = replace(renamed, unless=(("recent", ("kind",)),))
    assert list(open_findings(Repeatability((other,), recent), known.get)) == [other]


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("select k, sum(v) as s from events group by k", [("k",)]),
        ("select sum(v) as s, k as a, g from events group by k, g", [("a", "g")]),
        ("select sum(v) as s from events group by k", []),
        ("select k, g, sum(v) as s from events group by cube (k, g)", []),
        ("select count(*) as n from events", [()]),
        ("select distinct k, v from events", [("k", "v")]),
        ("select k from events union select n from orders", [("k",)]),
        ("select k from events union all select n from orders", []),
        ("select k, n from (select k, count(*) as n from events group by k) where n > 3", [("k",)]),
        ("select k, unnest([1, 2]) as u from (select distinct k from events)", []),
        ("select a.k, b.g from (select distinct k from events) a, (select distinct g from events) b", [("k", "g")]),
        ("select a.k from (select distinct k from events) a, (select distinct g from events) b", []),
        (f"select a.k, b.n from {KS} a join (select k, count(*) n from events group by k) b on a.k = b.k", [("k",)]),
        (f"select a.k, b.k as b from {KS} a full join {KS} b on a.k = b.k", []),
    ],
)
def test_what_tells_the_rows_of_a_result_apart(
    shuffled: list[duckdb.DuckDBPyConnection], text: str, sets: list[tuple[str, ...]]
) -> None:
    assert list(inferred(shuffled[0], text).repeatability.uniqueness.sets) == sets


def test_what_a_view_brings_along_is_the_views_own(shuffled: list[duckdb.DuckDBPyConnection]) -> None:
    connection = shuffled[0]
    sql = 'select k, now() as t, random() as r from "main"."events" limit 3'
    view = {"stamped": ViewQuery("stamped", sql, described(connection, sql))}
    found = inferred(connection, "select k, t from stamped", view).repeatability
    assert {(f.code.value, f.inlined, f.line) for f in found.findings} == {
        ("limit-without-order", True, None),
        ("clock", True, None),
    }
    assert (list(open_findings(found, KNOWN.get)), found.reads_clock) == ([], True)
    assert not inferred(connection, "select k from stamped", view).repeatability.reads_clock
    coarse = inferred(connection, "from stamped positional join orders", view)
    assert coarse.coarse is not None
    assert coarse.repeatability.reads_clock
