"""The state's connection: what the disk refuses, or has lost, is said as such at whatever step it shows."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relspec.core.errors import StateError
from relspec.core.state import Publication
from relspec.edges.store.connection import Connection
from relspec.edges.store.database import Store

_PAGE = 4096


def opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, factory=Connection)


def fill(path: Path) -> None:
    connection = opened(path)
    connection.execute("create table things (a integer primary key, text text)")
    connection.executemany("insert into things values (?, ?)", [(i, "x" * 500) for i in range(400)])
    connection.close()


def spoil(path: Path) -> None:
    """Overwrite the last pages, which hold the last rows."""
    data = bytearray(path.read_bytes())
    data[-10 * _PAGE :] = b"\xff" * (10 * _PAGE)
    path.write_bytes(data)


@pytest.mark.parametrize(
    "fetch",
    [
        lambda cursor: cursor.fetchall(),
        list,
        lambda cursor: [cursor.fetchone() for _ in range(400)],
        dict,
    ],
    ids=["all", "iterated", "one by one", "as pairs"],
)
def test_rot_that_shows_only_as_rows_are_fetched_is_a_state_error(tmp_path: Path, fetch: Callable[[Any], Any]) -> None:
    path = tmp_path / "a.sqlite"
    fill(path)
    spoil(path)
    connection = opened(path)
    rows = connection.execute("select a, text from things order by a")
    with pytest.raises(StateError, match=r"damaged.*build") as raised:
        fetch(rows)
    assert isinstance(raised.value.__cause__, sqlite3.DatabaseError)
    connection.close()


def test_what_the_disk_refuses_is_a_state_error_and_a_broken_promise_of_ours_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    fill(path)
    connection = opened(path)
    (pages,) = connection.execute("pragma page_count").fetchone()
    connection.execute(f"pragma max_page_count = {pages}").fetchall()
    with pytest.raises(StateError, match=r"full.*free space"):
        connection.executemany("insert into things values (?, ?)", [(i, "x" * 500) for i in range(400, 900)])
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("insert into things values (1, '')")
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("select 1")


def test_a_database_whose_permissions_cannot_be_set_is_a_state_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object, mode: int) -> None:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr("relspec.edges.store.database.os.chmod", refuse)
    with pytest.raises(StateError, match=r"cannot open .*relspec\.sqlite: Input/output error; check permissions"):
        Store.open(tmp_path / "relspec.sqlite", "session")


def test_what_commits_is_synced_and_what_readers_see_is_not_waited_for(tmp_path: Path) -> None:
    """Caught: after the first publication commits were no longer durable."""
    store = Store.open(tmp_path / "relspec.sqlite", "one")
    asked: list[str] = []
    store._connection.set_trace_callback(asked.append)
    shown = Publication(3, "/project", "stamp", "content")
    store.set_published(shown)
    store._connection.set_trace_callback(None)
    assert [text for text in asked if text.startswith("pragma")] == [
        "pragma synchronous = normal",
        "pragma synchronous = full",
    ]
    assert store._connection.execute("pragma synchronous").fetchall() == [(2,)]
    store.close()
    again = Store.open(tmp_path / "relspec.sqlite", "two")
    assert again.published() == shown
    again.close()
