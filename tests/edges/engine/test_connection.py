"""The one way in which databases are opened: on one thread, except where nothing can come of more."""

import os
from types import ModuleType
from typing import Any

import duckdb
import pytest

from relspec.core.dataset import Part
from relspec.core.digest import BagDigest
from relspec.core.schema import Column
from relspec.core.work import Measure
from relspec.edges.engine import execute, measure
from relspec.edges.engine.bags import bags_of
from relspec.edges.engine.connection import MANY_ROWS, on_all_cores
from relspec.edges.engine.sql import read_parquet

N_CORES = len(os.sched_getaffinity(0))


def threads_of(connection: duckdb.DuckDBPyConnection) -> int:
    ((found,),) = connection.execute("SELECT current_setting('threads')").fetchall()
    return int(found)


def test_many_rows_have_all_cores_and_few_have_one(place) -> None:
    assert threads_of(place.connection) == 1
    with on_all_cores(place.connection, MANY_ROWS - 1):
        assert threads_of(place.connection) == 1
    with on_all_cores(place.connection, MANY_ROWS):
        assert threads_of(place.connection) == N_CORES
    assert threads_of(place.connection) == 1


def test_what_follows_a_failure_has_one_core_again(place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caught: set back by the connection itself, whose transaction takes nothing any more."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    place.connection.execute("BEGIN")
    place.connection.execute("CREATE TABLE one (a INTEGER PRIMARY KEY)")
    with pytest.raises(duckdb.ConstraintException), on_all_cores(place.connection, MANY_ROWS):
        place.connection.execute("INSERT INTO one VALUES (1), (1)")
    place.connection.execute("ROLLBACK")
    assert threads_of(place.connection) == 1


@pytest.mark.parametrize("by", [execute, measure])
def test_many_rows_are_digested_on_all_cores(place, monkeypatch: pytest.MonkeyPatch, by: ModuleType) -> None:
    columns = {"a": "BIGINT", "b": "DOUBLE", "c": "VARCHAR"}
    sets = (tuple(Column(name, type_) for name, type_ in columns.items()),)
    sql = f"SELECT i AS a, i / 7 AS b, md5(i::VARCHAR) AS c FROM range({MANY_ROWS}) r(i)"
    threads: list[int] = []

    def noted(connection: duckdb.DuckDBPyConnection, *rest: Any) -> tuple[int, tuple[BagDigest, ...]]:
        threads.append(threads_of(connection))
        return bags_of(connection, *rest)

    monkeypatch.setattr(by, "bags_of", noted)
    done = place.executed(sql, columns, column_sets=sets)
    part = Part(done.content, place.object(done.content), done.rows, None)
    assert measure.measure(place.connection, Measure((part,), sets)).bags == (done.bags,)
    assert threads == [N_CORES]
    assert bags_of(place.connection, read_parquet([part.path]), sets) == (MANY_ROWS, done.bags)
