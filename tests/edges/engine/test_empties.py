"""Empty relations to bind against: what is there is what was asked for, whatever came before."""

from collections.abc import Iterator

import duckdb
import pytest

from relspec.core.schema import Column
from relspec.edges.engine.connection import open_connection
from relspec.edges.engine.empties import Empties, empties
from relspec.edges.engine.sql import empty_table, empty_view

ID, DAY = Column("id", "BIGINT"), Column("day", "DATE")


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = open_connection(512, "UTC", "", files=False)
    yield connection
    connection.close()


@pytest.fixture
def binder(connection: duckdb.DuckDBPyConnection) -> Iterator[Empties]:
    with empties(connection) as binder:
        yield binder


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


@pytest.mark.parametrize("wrong", ["select nope from t", "selec", "select 'x'::INTEGER", "select error('no')"])
def test_an_error_leaves_nothing_behind(binder: Empties, wrong: str) -> None:
    """Caught: in a transaction that an error has spoilt nothing more is answered."""
    binder.bound(wrong, {"t": (ID,)})
    assert binder.bound("from t", {"t": (ID,)}) == (ID,)
    assert binder.reads("select sum(nope) from t", {"t": (ID,)}) is None
    assert binder.bound("from t", {"t": (ID,)}) == (ID,)
    with pytest.raises(duckdb.BinderException, match='"position":"16"'):
        binder.described("select nope from t", {"t": (ID,)})
    with pytest.raises(duckdb.CatalogException, match="FOO"):
        binder.described("from t", {"t": (Column("x", "FOO"),)})
    assert binder.bound("from t", {"t": (Column("x", "FOO"),)}) is None
    assert binder.described("from t", {"t": (ID,)}) == (ID,)


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


def test_everything_is_taken_back(connection: duckdb.DuckDBPyConnection) -> None:
    with empties(connection) as binder:
        binder.bound("from t", {"t": (ID,)})
    assert connection.execute("show tables").fetchall() == []
    with empties(connection):
        connection.execute("BEGIN")
        connection.execute("ROLLBACK")
