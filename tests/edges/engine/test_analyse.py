"""Compiling: types and errors of the engine's own binder, at places in the user's text; a proved requirement."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from relspec.core.finding import NOTHING_FOUND
from relspec.core.inference import Inference
from relspec.core.plan import Requirement, Udf
from relspec.core.problem import Code, Problem
from relspec.core.schema import Column, schema_of
from relspec.core.work import Analyse, Analysed, Named, Needs, ViewQuery
from relspec.edges.engine import analyse as module
from relspec.edges.engine import empties
from relspec.edges.engine.analyse import Analysis, analyse
from relspec.edges.engine.connection import open_connection, scratch
from relspec.edges.engine.empties import Empties
from relspec.edges.engine.reads import columns_read
from relspec.edges.engine.sql import empty_table

ORDERS = schema_of({"id": "BIGINT", "amount": "DOUBLE", "day": "DATE"})
HAS = "it has id, amount, day"
NO_MATCH = "no function matches the given name and argument types"
CASTS = "You might need to add explicit type casts."
TWICE = "the result has more than one column named 'id'"
PIVOT = "the columns of this PIVOT depend on the data"
BIG = schema_of({"day": "DATE", "total": "DOUBLE"})
BIG_VIEW = ViewQuery("big", 'SELECT day, amount AS total FROM "main"."orders" WHERE amount > 9', BIG)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = open_connection(512, "UTC", "", files=False)
    yield connection
    connection.close()


def asked(text: str, **named: Any) -> Analyse:
    fields: dict[str, Any] = {
        "task": "task",
        "path": "tasks/task.sql",
        "line": 1,
        "text": text,
        "generated": False,
        "schemas": (("orders", ORDERS),),
        "views": (),
        "cast": None,
        "udfs": (),
        "stored": True,
    }
    return Analyse(**(fields | named))


def answered(connection: duckdb.DuckDBPyConnection, request: Analyse) -> Analysed | Needs | Problem:
    binder = Empties(connection)
    found = analyse(binder, request)
    binder.close()
    return found.answer if isinstance(found, Analysis) else found


def compiled(connection: duckdb.DuckDBPyConnection, text: str, **named: Any) -> Analysed:
    answer = answered(connection, asked(text, **named))
    assert isinstance(answer, Analysed), answer
    return answer


def problem(connection: duckdb.DuckDBPyConnection, text: str, **named: Any) -> Problem:
    answer = answered(connection, asked(text, **named))
    assert isinstance(answer, Problem), answer
    return answer


def test_datasets_that_the_text_does_not_name_play_no_part(connection) -> None:
    """Whoever asks may have guessed. Caught: a type of such a dataset made the analysis coarse."""
    text, own = "select p.at.X as x from places as p", ("places", schema_of({"at": "STRUCT(x INTEGER, y INTEGER)"}))
    others = (("days", schema_of({"id": "JSON"})), ("orders", ORDERS), own)
    assert compiled(connection, text, schemas=others, views=(BIG_VIEW,)) == compiled(connection, text, schemas=(own,))
    assert compiled(connection, text, schemas=(own,)).coarse is None


def test_a_query_gives_what_executes_what_it_requires_and_what_it_stores(connection) -> None:
    answer = compiled(connection, "select day, sum(id) as n from orders o group by day -- by day")
    assert answer.schema == schema_of({"day": "DATE", "n": "DECIMAL(38,0)"})
    assert '"main"."orders"' in answer.sql
    assert answer.inputs == (Requirement("orders", (Column("id", "BIGINT"), Column("day", "DATE"))),)
    assert answer.views == ()
    assert answer.coarse is None


def test_unknown_names_are_asked_for_with_their_places(connection) -> None:
    answer = answered(connection, asked("select *\nfrom orders, ordrs, cust"))
    assert answer == Needs((Named("ordrs", 2, 14), Named("cust", 2, 21)))


def test_in_a_generated_text_the_place_is_the_definition(connection) -> None:
    answer = answered(connection, asked("select *\nfrom cust", generated=True, line=7))
    assert answer == Needs((Named("cust", 7, 1),))
    found = problem(connection, "select foo from orders", generated=True, line=7)
    assert (found.line, found.column) == (7, 1)


@pytest.mark.parametrize(
    ("text", "code", "place", "message"),
    [
        ("select 'öö', amont from orders", Code.UNKNOWN_COLUMN, (1, 14), f"orders has no column 'amont'; {HAS}"),
        ("select 1\nfrom orders o\nwhere o.foo = 1", Code.UNKNOWN_COLUMN, (3, 7), f"orders has no column 'foo'; {HAS}"),
        ("select rowid from orders", Code.UNKNOWN_COLUMN, (1, 8), f"orders has no column 'rowid'; {HAS}"),
        ("select x'AB' as b", Code.UNSUPPORTED_SQL, (1, 9), None),
        ("select 'öö' x y", Code.SYNTAX, (1, 15), 'syntax error at or near "y"'),
        ("select 'öö'\n, day(id) from orders", Code.TYPE, (2, 3), f"{NO_MATCH} 'day(BIGINT)'. {CASTS}"),
        ("select id from orders where day > 5", Code.TYPE, (1, 33), None),
        ("select id, sum(amount) from orders", Code.SQL, (1, 8), None),
        ("select id from orders order by 7", Code.SQL, (1, 32), None),
        ("select id, 1 as ID from orders", Code.OUTPUT_SCHEMA, (1, 1), TWICE),
        ("select 1 as a; select 2 as a", Code.UNSUPPORTED_SQL, (1, 16), None),
        ("drop table orders", Code.UNSUPPORTED_SQL, (1, 1), None),
        ("pivot orders on day using sum(id)", Code.UNSUPPORTED_SQL, (1, 1), PIVOT),
    ],
)  # fmt: skip
def test_an_error_has_its_code_and_its_place(
    connection, text: str, code: Code, place: Any, message: str | None
) -> None:
    found = problem(connection, text)
    assert (found.code, (found.line, found.column), found.path) == (code, place, "tasks/task.sql")
    assert message in (None, found.message)
    assert "LINE" not in found.message
    assert "{" not in found.message


def test_a_column_that_is_named_rowid_is_one(connection) -> None:
    answer = compiled(connection, "select rowid as r from t", schemas=(("t", schema_of({"rowid": "DATE"})),))
    assert answer.schema == schema_of({"r": "DATE"})


def test_a_misspelt_column_is_guessed(connection) -> None:
    assert problem(connection, "select amont from orders").hint == "did you mean 'amount'?"


def test_the_guess_knows_all_inputs_and_the_alias_one(connection) -> None:
    schemas = (("orders", ORDERS), ("cust", schema_of({"id": "BIGINT", "naming": "VARCHAR"})))
    found = problem(connection, "select namin from orders join cust using (id)", schemas=schemas)
    assert found.message == "no column 'namin' is in scope: orders has id, amount, day; cust has id, naming"
    assert found.hint == "did you mean 'naming'?"
    found = problem(connection, "select o.naming from orders o join cust using (id)", schemas=schemas)
    assert found.message == "orders has no column 'naming'; it has id, amount, day"


@pytest.mark.parametrize(
    "text",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from glob('/*')",
        "select content from read_text('/etc/passwd')",
        "select * from duckdb_settings()",
    ],
)
def test_what_nobody_watches_is_not_read_not_even_to_compile(connection, text: str) -> None:
    assert problem(connection, text).code is Code.UNSUPPORTED_SQL


def test_a_catalogue_table_is_an_unknown_dataset(connection) -> None:
    assert isinstance(answered(connection, asked("select * from duckdb_tables")), Needs)


def test_what_parquet_cannot_hold_is_refused_for_a_table_and_fine_for_a_view(connection) -> None:
    text = "select '10:00'::timetz as x from orders"
    found = problem(connection, text)
    assert found.code is Code.OUTPUT_SCHEMA
    assert found.hint == 'cast it, as in CAST("x" AS VARCHAR)'
    assert compiled(connection, text, stored=False).schema == schema_of({"x": "TIME WITH TIME ZONE"})


def test_a_view_keeps_native_types(connection) -> None:
    answer = compiled(connection, "select sum(id) as s from orders", stored=False)
    assert answer.schema == schema_of({"s": "HUGEINT"})


def test_a_view_is_inlined_and_requires_what_it_reads(connection) -> None:
    answer = compiled(connection, "select total from big", views=(BIG_VIEW,))
    assert [need.dataset for need in answer.inputs] == ["orders"]
    assert {c.name for c in answer.inputs[0].columns} == {"amount"}
    assert answer.coarse is None
    assert answer.views == (Requirement("big", (Column("total", "DOUBLE"),)),)
    assert "big" in answer.sql


def test_what_a_view_reads_is_asked_for_too(connection) -> None:
    answer = answered(connection, asked("select total\nfrom big", views=(BIG_VIEW,), schemas=()))
    assert answer == Needs((Named("orders", 2, 6),))


def test_counting_rows_requires_no_column(connection) -> None:
    assert compiled(connection, "select count(*) as n from orders").inputs == (Requirement("orders", ()),)


def test_promised_types_are_stored_or_cast_in_a_view(connection) -> None:
    promised = schema_of({"day": "TIMESTAMP", "n": "BIGINT"})
    text = "select day, sum(id) as n from orders group by day"
    stored = compiled(connection, text, cast=promised, generated=True)
    assert stored.schema == promised
    assert "CAST" not in stored.sql
    view = compiled(connection, text, cast=promised, generated=True, stored=False)
    assert view.schema == promised
    assert view.sql.startswith('SELECT CAST("day" AS TIMESTAMP) AS "day", CAST("n" AS BIGINT) AS "n" FROM (')


def test_the_same_types_spelt_otherwise_need_no_cast(connection) -> None:
    answer = compiled(connection, "select amount from orders", cast=schema_of({"amount": "float8"}), stored=False)
    assert not answer.sql.startswith("SELECT CAST")


def test_a_promise_of_other_columns_is_a_problem(connection) -> None:
    found = problem(connection, "select id, day from orders", cast=schema_of({"id": "BIGINT"}), generated=True)
    assert (found.code, found.message) == (Code.OUTPUT_SCHEMA, "the builder promises 1 columns and the query gives 2")
    found = problem(connection, "select day from orders", cast=schema_of({"day": "NOPE"}), generated=True)
    assert found.code is Code.TYPE


def test_a_python_function_is_known_by_its_signature(connection) -> None:
    udf = Udf("clean", ("VARCHAR", "BIGINT"), "INTEGER[]", "d", "tasks/t.py")
    answer = compiled(connection, "select clean('x', id) as c from orders", udfs=(udf,), generated=True)
    assert answer.schema == schema_of({"c": "INTEGER[]"})
    assert problem(connection, "select clean(day, id) as c from orders", udfs=(udf,), generated=True).code is Code.TYPE
    assert problem(connection, "select clean('x', id) as c from orders", generated=True).code is Code.SQL


def test_a_requirement_that_is_too_small_is_widened_by_what_the_engine_reads(connection, monkeypatch) -> None:
    """Caught: without the check an inference that misses a column gives a stale table."""
    real = module.infer

    def short(*rest: Any) -> Any:
        found = real(*rest)
        assert isinstance(found, Inference)
        return Inference(found.sql, found.canonical, (), (("orders", ("id",)),), (), found.lineage, None, NOTHING_FOUND)

    monkeypatch.setattr(module, "infer", short)
    answer = compiled(connection, "select id from (select id, day from orders where amount > 1)")
    assert answer.inputs == (Requirement("orders", ORDERS.columns[:2]),)
    monkeypatch.setattr(empties, "columns_read", lambda *rest: None)
    answer = compiled(connection, "select id from (select id, day from orders where amount > 1)")
    assert answer.inputs == (Requirement("orders", ORDERS.columns),)
    assert answer.coarse == "the engine's plan does not tell which columns it reads"


READS = [
    ("select total from (select day, amount as total from orders where id > 9)", {"id", "amount"}),
    ("select count(*) from (select day, amount from orders)", set()),
    ("with c as (select id, day, amount from orders) select a.id from c a join c b using (id)", {"id"}),
    ("with c as (select id, day + 1 as d, amount from orders) select amount from c", {"amount"}),
    ("select id from (select distinct id, day from orders)", {"id", "day"}),
    ("select id from (select id, day from orders union select id, day from orders)", {"id", "day"}),
    ("select id from (select id, day from orders union all select id, day from orders)", {"id"}),
    ("select id from orders where day > DATE '2020-01-01' and false", {"id", "day"}),
    ("select id from orders order by amount limit 3", {"id", "amount"}),
    ("select o from orders o", {"id", "amount", "day"}),
    ("select id from orders where exists (from orders p where p.amount = orders.amount)", {"id", "amount"}),
]


@pytest.mark.parametrize(("text", "read"), READS)
def test_the_planner_says_what_is_read(connection, text: str, read: set[str]) -> None:
    with scratch(connection):
        connection.execute(empty_table("orders", ORDERS.columns))
        assert columns_read(connection, text, {"orders": ORDERS.columns}) == {"orders": read}


@pytest.mark.parametrize(("text", "read"), READS)
def test_what_is_required_is_what_is_read(connection, text: str, read: set[str]) -> None:
    answer = compiled(connection, text.replace("select o from", "select o::VARCHAR as o from"))
    assert {column.name for column in answer.inputs[0].columns} == read


def test_a_rewritten_query_of_another_shape_is_never_used(connection, monkeypatch) -> None:
    wrong = Inference('SELECT 1 AS id FROM "main"."orders"', "c", (), (("orders", ()),), (), (), None, NOTHING_FOUND)
    monkeypatch.setattr(module, "infer", lambda *rest: wrong)
    assert problem(connection, "select id from orders").code is Code.UNSUPPORTED_SQL


def test_a_table_that_only_the_engine_sees_is_refused(connection, monkeypatch) -> None:
    monkeypatch.setattr(module, "references", lambda *rest: ())
    found = problem(connection, "select 1 as x where exists (from orders)")
    assert (found.code, found.column) == (Code.UNSUPPORTED_SQL, 34)


def test_nothing_is_left_between_two_queries(connection) -> None:
    compiled(connection, "select id from orders")
    problem(connection, "select nope from orders")
    other = (("orders", schema_of({"id": "VARCHAR"})),)
    assert compiled(connection, "select id from orders", schemas=other).schema == schema_of({"id": "VARCHAR"})
    assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]


def test_an_error_that_spoils_the_transaction_is_told_as_it_is(connection) -> None:
    """Caught: asked once more in the same transaction, the engine only says that it is aborted."""
    found = problem(connection, "select id from orders limit 'x'::INTEGER")
    assert (found.code, found.column, found.message) == (Code.TYPE, 32, "could not convert string 'x' to INT32")


def test_a_summary_cannot_be_described(connection) -> None:
    """Caught: bound as a relation, a SUMMARIZE has columns like any query."""
    found = problem(connection, "-- all of it\nsummarize orders")
    assert (found.code, found.message) == (Code.UNSUPPORTED_SQL, "this statement cannot be described as a query")


def test_a_column_that_stands_there_twice_is_not_guessed(connection) -> None:
    answer = compiled(connection, "select s.x from (select id as x, amount as x from orders) s")
    assert answer.coarse == "s has no single column 'x'"
