"""Empty relations to bind against: what is there is what was asked for, whatever came before."""

import contextlib
import random
from collections.abc import Iterator

import duckdb
import pytest

from relspec.core.plan import Udf
from relspec.core.schema import Column
from relspec.edges.engine.connection import open_connection
from relspec.edges.engine.empties import Empties, Empty, Tables, _Room
from relspec.edges.engine.sql import empty_table, empty_view

ID, DAY = Column("id", "BIGINT"), Column("day", "DATE")


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = open_connection(512, "UTC", "", files=False)
    yield connection
    connection.close()


@pytest.fixture
def binder(connection: duckdb.DuckDBPyConnection) -> Iterator[Empties]:
    binder = Empties(connection)
    yield binder
    binder.close()


def test_a_relation_has_the_columns_that_it_was_last_asked_with(binder: Empties) -> None:
    assert binder.bound("from t, u", {"t": (ID, DAY), "u": (ID,)}) == (ID, DAY, ID)
    assert binder.bound("from t, u", {"t": (DAY,), "u": (ID,)}) == (DAY, ID)
    assert binder.bound("from t", {"T": (ID,)}) == (ID,)


def test_what_is_no_longer_asked_for_is_gone(binder: Empties) -> None:
    """Caught: tables that stay would let a query bind that names what nobody gave it."""
    assert binder.bound("from t, u", {"t": (ID,), "u": (ID,)}) == (ID, ID)
    assert binder.bound("from t, u", {"t": (ID,)}) is None


def test_a_view_becomes_a_table(binder: Empties) -> None:
    assert binder.bound("select rowid as id from t", {"t": (DAY,)}, empty_view) is None
    assert binder.bound("select rowid as id from t", {"t": (DAY,)}, empty_table) == (ID,)


@pytest.mark.parametrize("wrong", ["select nope from t", "selec", "from t limit 'x'::INTEGER", "from u"])
def test_an_error_leaves_nothing_behind(binder: Empties, wrong: str) -> None:
    """Caught: in a transaction that an error has spoilt, as the one of the limit does, nothing more is answered."""
    assert binder.bound(wrong, {"t": (ID,)}) is None
    assert binder.bound("from t", {"t": (ID,)}) == (ID,)
    assert binder.reads(wrong, {"t": (ID,)}) is None
    assert binder.bound("from t", {"t": (ID,)}) == (ID,)
    with pytest.raises(duckdb.Error, match="exception_type"):
        binder.described(wrong, {"t": (ID,)})
    assert binder.bound("from t", {"t": (ID,)}) == (ID,)


@pytest.mark.parametrize("unknown", ["FOO", "FOO ) bar ("])
def test_a_type_that_is_none_leaves_nothing_behind(binder: Empties, unknown: str) -> None:
    """Caught: where the statement that has it is not even read, there is no transaction to be taken back."""
    wrong = {"t": (Column("x", unknown),)}
    assert binder.bound("from t", wrong) is None
    with pytest.raises(duckdb.Error):
        binder.described("from t", wrong)
    assert binder.described("from t", {"t": (ID,)}) == (ID,)


def test_what_was_made_before_a_type_that_is_none_is_gone(binder: Empties) -> None:
    whole = {"t": (ID, DAY)}
    assert binder.bound("from t", whole) == (ID, DAY)
    assert binder.bound("from t, u", {"t": (ID,), "u": (Column("x", "DECIMAL(99,2)"),)}) is None
    assert binder.bound("from t", whole) == (ID, DAY)


@pytest.mark.parametrize(
    "sql",
    [
        *("select id, id from t", "from t", "(from t)", "values (1, 'x')"),
        "pivot t on day in ('2024-01-01') using sum(id)",
        "select {'a': id, 'B c': [day]} as s, map {1: 2} as m, 'x'::ENUM('x', 'y''s') as e, null as n from t",
        "select 1.5 as d, 1::HUGEINT as h, '{}'::JSON as j, now() as t, [1]::INTEGER[1] as a, union_value(x := 1) as u",
    ],
)
def test_bound_and_described_are_the_same(binder: Empties, sql: str) -> None:
    assert binder.bound(sql, {"t": (ID, DAY)}) == binder.described(sql, {"t": (ID, DAY)})


#: What somebody asks again and again: what a query reads, and what it requires of that.
ALL, REQUIRED = {"t": (ID, DAY), "u": (ID,)}, {"t": (ID,), "u": (ID,)}


def test_what_is_asked_again_is_not_made_again(binder: Empties, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[list[str]] = []
    begin = _Room._begin
    monkeypatch.setattr(_Room, "_begin", lambda room, statements: (made.append(statements), begin(room, statements)))
    for _ in range(4):
        assert binder.bound("from t, u", ALL) == (ID, DAY, ID)
        assert binder.bound("from t, u", REQUIRED) == (ID, ID)
        assert binder.bound("select t.day from t, u", ALL) == (DAY,)
    assert [len(statements) for statements in made] == [2, 1, 2, *[0] * 9]


def elsewhere() -> duckdb.DuckDBPyConnection:
    """One that binds in another zone than that of this process."""
    return open_connection(512, "America/New_York", "", files=False)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_came_before_the_answer_is_that_of_one_who_was_never_asked(seed: int) -> None:
    """Caught: in the other database moments were those of another zone, and columns are called by them."""
    draw = random.Random(seed)
    texts = ["from t", "from t, u", "select day from t", "select rowid as id from t", "selec", "from nobody"]
    texts += ["from memory.main.t", "from memory.t", "select memory.main.t.id from t"]
    texts += ["from t pivot (count(*) for day in (timestamptz '2020-01-01 03:00'))"] * 3
    texts += ["select columns(c -> c = case when current_catalog() like 'mem%' then 'id' else 'day' end) from t"]
    texts += ["select * from t where id in (select id from u)", "from t limit 'x'::INTEGER"]
    moments = {"t": (ID, Column("day", "TIMESTAMP WITH TIME ZONE")), "u": (ID,)}
    sets = [
        {},
        moments,
        moments,
        ALL,
        REQUIRED,
        {"t": (DAY,)},
        {"u": (ID, DAY)},
        {"T": (ID,)},
        {"t": (Column("x", "FOO"),)},
    ]

    def told(asked: Empties, question: tuple[str, str, Tables, Empty]) -> object:
        way, text, tables, empty = question
        try:
            match way:
                case "bound":
                    return asked.bound(text, tables, empty)
                case "described":
                    return asked.described(text, tables, empty)
            return asked.reads(text, tables) if tables is ALL else None
        except duckdb.Error as error:
            return str(error)

    kinds = [empty_table, empty_table, empty_view]
    ways = ["bound", "bound", "described", "reads"]
    connection = elsewhere()
    binder = Empties(connection)
    for _ in range(150):
        question = (draw.choice(ways), draw.choice(texts), draw.choice(sets), draw.choice(kinds))
        with elsewhere() as fresh:
            assert told(binder, question) == told(Empties(fresh), question), question
    connection.close()


def test_the_other_database_is_found_by_no_name(binder: Empties) -> None:
    for _ in range(3):
        for tables in (ALL, REQUIRED):
            assert binder.bound("from t", tables) is not None
            assert binder.bound("from relspec_beside.main.t", tables) is None
            assert binder.bound("from memory.main.t", tables) is not None


def test_everything_is_taken_back(connection: duckdb.DuckDBPyConnection) -> None:
    binder = Empties(connection)
    binder.bound("from t", {"t": (ID,)})
    binder.close()
    assert connection.execute("show tables").fetchall() == []
    binder.close()
    connection.execute("BEGIN")
    connection.execute("ROLLBACK")


def test_python_functions_are_known_for_a_block_and_outside_of_the_transaction(
    connection: duckdb.DuckDBPyConnection, binder: Empties
) -> None:
    udf = Udf("twice", ("BIGINT",), "BIGINT", "digest", "tasks/a.py")
    asked = "select twice(id) as n from t", {"t": (ID,)}
    for _ in range(2):
        assert binder.bound("from t", {"t": (ID,)}) == (ID,)
        with binder.knowing([udf]):
            for _ in range(3):
                assert binder.bound(*asked) == (Column("n", "BIGINT"),)
                assert binder.bound("select twice(id) as n from t", {"t": (DAY, ID)}) == (Column("n", "BIGINT"),)
        assert binder.bound(*asked) is None
    with contextlib.suppress(RuntimeError), binder.knowing([udf]):
        binder.bound(*asked)
        raise RuntimeError
    assert binder.bound(*asked) is None
    binder.close()
    assert connection.execute("from duckdb_functions() where function_name = 'twice'").fetchall() == []
