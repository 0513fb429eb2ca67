"""The state's connection: what the disk refuses, or has lost, is said as such at whatever step it shows."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from relspec.core.dataset import Stamp
from relspec.core.decision import Basis
from relspec.core.errors import StateError
from relspec.core.finding import UNKNOWN, Finding, Repeatability, Uniqueness
from relspec.core.plan import InferredDeps, PlanArtifact, Requirement, Udf
from relspec.core.schema import Column, Schema
from relspec.core.state import Delta, Output, Publication
from relspec.core.tree import FileEntry
from relspec.core.warning import WarningCode
from relspec.edges.store import seals
from relspec.edges.store.connection import Connection
from relspec.edges.store.database import Store
from relspec.edges.store.write import _PLAN_ROWS

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
    assert [text for text in asked if text.startswith("pragma synchronous")] == [
        "pragma synchronous = normal",
        "pragma synchronous = full",
    ]
    assert store._connection.execute("pragma synchronous").fetchall() == [(2,)]
    store.close()
    again = Store.open(tmp_path / "relspec.sqlite", "two")
    assert again.published() == shown
    again.close()


_FINDING = Finding(WarningCode.RANDOM, 3, 4, "chance", "a seed", (("one", ("a", "b")),), inlined=False)
_PLAN = PlanArtifact(
    task="t",
    output="T",
    sql="select a from main.one",
    canonical="form",
    aspects=(("column:a", "1"), ("where", "2")),
    schema=Schema((Column("a", "INTEGER"), Column("b", "VARCHAR"))),
    deps=InferredDeps(
        (Requirement("one", (Column("a", "INTEGER"),), (("unit", "km"),)), Requirement("two", ())),
        (Requirement("seen", (Column("a", "INTEGER"),)),),
    ),
    lineage=(("a", (("one", "a"),)), ("b", ())),
    udfs=(Udf("f", ("INTEGER",), "INTEGER", "code", "tasks/f.py"),),
    coarse=None,
    fingerprint="print",
    repeatability=Repeatability((_FINDING,), Uniqueness((("a",),), "one", (("a", "a"),))),
)
_DEPS = _PLAN.deps
#: One thing that moves, and the tables that have to be written.
_MOVES: dict[str, tuple[PlanArtifact, set[str]]] = {
    "nothing": (_PLAN, set()),
    "the text": (replace(_PLAN, sql="select a from main.one -- now"), {"plan"}),
    "an aspect": (replace(_PLAN, fingerprint="other", aspects=(("column:a", "3"),)), {"plan", "plan_aspect"}),
    "a column": (replace(_PLAN, schema=Schema((Column("a", "BIGINT"),))), {"plan_column"}),
    "a requirement": (replace(_PLAN, deps=replace(_DEPS, inputs=_DEPS.inputs[1:])), {"plan_input", "plan_metadata"}),
    "a view": (replace(_PLAN, deps=replace(_DEPS, views=())), {"plan_input"}),
    "an origin": (replace(_PLAN, lineage=(("a", ()), ("b", ()))), {"plan_lineage"}),
    "a function": (replace(_PLAN, udfs=()), {"plan_udf"}),
    "a finding": (
        replace(_PLAN, repeatability=replace(_PLAN.repeatability, findings=())),
        {"plan_finding", "plan_finding_unless"},
    ),
    "a key": (
        replace(_PLAN, repeatability=replace(_PLAN.repeatability, uniqueness=UNKNOWN)),
        {"plan_unique", "plan_rows_of"},
    ),
}


@pytest.mark.parametrize("what", _MOVES)
@pytest.mark.parametrize("is_known", [True, False])
def test_of_a_plan_that_is_known_what_moved_is_written(tmp_path: Path, what: str, is_known: bool) -> None:
    moved, tables = _MOVES[what]
    store = Store.open(tmp_path / "relspec.sqlite", "one")
    assert store.load().plans == {}
    store.commit(Delta(plans={"t": _PLAN}))
    assert store.load().plans == {"t": _PLAN}
    asked: list[str] = []
    store._connection.set_trace_callback(asked.append)
    store.commit(Delta(plans={"t": moved}, stored_plans={"t": _PLAN} if is_known else {}))
    store._connection.set_trace_callback(None)
    assert store.load().plans == {"t": moved}
    written = {text.split()[2] for text in asked if text.startswith(("delete from plan", "insert into plan"))}
    assert written == (tables if is_known else set(_PLAN_ROWS))
    store.commit(Delta(plans={"t": None}, stored_plans={"t": moved}))
    assert store.load().plans == {}
    assert store.faults() == ()
    store.close()


def test_what_is_written_again_stays_where_it_is(tmp_path: Path) -> None:
    """A row that is replaced would be a new one: on another page, with another entry in the index."""
    store = Store.open(tmp_path / "relspec.sqlite", "one")
    assert store.load().files == {}
    store.commit(Delta(files={path: _entry(path, 1) for path in ("a", "b")}, plans={"t": _PLAN}))
    where = "select 'file', path, rowid from file union all select 'plan', task, rowid from plan"
    before = store._connection.execute(where).fetchall()
    moved = replace(_PLAN, sql="select 1")
    store.commit(Delta(files={"a": _entry("a", 2)}, plans={"t": moved}, stored_plans={"t": _PLAN}))
    assert store._connection.execute(where).fetchall() == before
    assert store.load().files["a"].stamp.size == 2
    assert store.load().plans["t"] == moved
    assert store.faults() == ()
    store.close()


def _entry(path: str, size: int) -> FileEntry:
    return FileEntry(path, Stamp(1, 2, size, 4, 5), "content")


def test_an_upgrade_that_is_interrupted_leaves_the_state_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: seals were gone and tables there twice, so the next start set all of it aside."""
    path = tmp_path / "relspec.sqlite"
    Store.open(path, "first").close()
    connection = opened(path)
    seals.lift(connection)
    connection.executescript(
        """
        drop table source_file; delete from _sqlite_migrations where name like '0007%'; pragma user_version = 6;
        """
    )
    seals.renew(connection)

    def interrupted(_: sqlite3.Connection) -> None:
        raise KeyboardInterrupt

    before = (*connection.iterdump(), connection.execute("pragma user_version").fetchone())
    with monkeypatch.context() as patched:
        patched.setattr(seals, "renew", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Store.open(path, "second")
    assert (*connection.iterdump(), connection.execute("pragma user_version").fetchone()) == before
    connection.close()
    store = Store.open(path, "third")
    assert store.aside is None
    store.close()


def test_of_two_spellings_of_a_name_the_one_that_was_written_last_stays(tmp_path: Path) -> None:
    path = tmp_path / "relspec.sqlite"
    store = Store.open(path, "first")
    outputs = {name: _output(name, f"c{number}") for number, name in enumerate(("T", "other", "t"))}
    store.commit(Delta(outputs=outputs))
    store.close()
    connection = opened(path)
    seals.prepare(connection)
    connection.executescript("delete from _sqlite_migrations where name like '0008%'; pragma user_version = 7")
    connection.close()
    store = Store.open(path, "second")
    assert store.aside is None
    assert store.load().outputs == {name: outputs[name] for name in ("other", "t")}
    shown = store._connection.execute("select dataset from shown where until is null").fetchall()
    assert sorted(shown) == [("other",), ("t",)]
    assert store.faults() == ()
    store.close()


def _output(name: str, content: str) -> Output:
    return Output(name, "task", Basis("key", "print", "engine", {}), content, 1, 1, Schema(()), 1.0, 1.0)
