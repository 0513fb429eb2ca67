"""Reads rows back into values of the core."""

import sqlite3
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from relspec.core.dataset import Stamp
from relspec.core.decision import Basis
from relspec.core.digest import BagDigest
from relspec.core.finding import NOTHING_FOUND, Finding, Repeatability, Uniqueness
from relspec.core.plan import CompileRecord, InferredDeps, LineageRow, PlanArtifact, Requirement, Udf
from relspec.core.progress import Action
from relspec.core.reason import Reason, Rule
from relspec.core.schema import Column, Schema
from relspec.core.spec import CachePolicy, Kind
from relspec.core.state import MemoRow, Output, RunTask, Saved, SourceFile, SourceState, TaskState, TaskStatus
from relspec.core.tree import FileEntry
from relspec.core.warning import WarningCode
from relspec.core.work import Extracted, Loaded, LoadFailed

T = TypeVar("T")
#: A statement takes so many values on any build of SQLite.
_BAGS_AT_ONCE = 500
_Groups = dict[str, list[tuple[Any, ...]]]
#: More different columns than this are read as often as they come.
_COLUMNS_MAX = 100_000


def saved(connection: sqlite3.Connection) -> Saved:
    """Read everything that a start needs."""
    toolchain = connection.execute("select value from setting where name = 'toolchain'").fetchone()
    run, revision = connection.execute("select coalesce(max(run), 0), coalesce(max(revision), 0) from run").fetchone()
    return Saved(
        revision=revision,
        run=run,
        toolchain=None if toolchain is None else toolchain[0],
        files={row[0]: FileEntry(row[0], Stamp(*row[1:6]), row[6]) for row in connection.execute("select * from file")},
        modules={path: _module(state, body) for path, state, body in connection.execute("select * from module")},
        sources=_sources(connection),
        records=_bodies(connection, "select task, body from record", CompileRecord),
        plans=_plans(connection),
        outputs={row[0]: _output(row) for row in connection.execute("select * from output")},
        statuses={row[0]: _status(row) for row in connection.execute("select * from status")},
    )


def _sources(connection: sqlite3.Connection) -> dict[str, SourceState]:
    decoder = msgspec.json.Decoder(SourceFile)
    rows = connection.execute("select name, body from source_file order by name, path")
    files: dict[str, list[SourceFile]] = {}
    for name, body in rows:
        files.setdefault(name, []).append(decoder.decode(body))
    sources = _bodies(connection, "select name, body from source", SourceState)
    return {name: replace(source, files=tuple(files.get(name, ()))) for name, source in sources.items()}


def memo(connection: sqlite3.Connection, key: str) -> MemoRow | None:
    """One remembered execution."""
    row = connection.execute(
        "select output, task, key, content, rows, size, executed_at, ms, schema, basis, policy from memo where key = ?",
        (key,),
    ).fetchone()
    return None if row is None else MemoRow(CachePolicy(row[10]), _output(row[:10]))


def bags(connection: sqlite3.Connection, contents: Iterable[str]) -> dict[tuple[str, str], BagDigest]:
    """All measured bags of some contents."""
    found: dict[tuple[str, str], BagDigest] = {}
    wanted = list(contents)
    for start in range(0, len(wanted), _BAGS_AT_ONCE):
        some = wanted[start : start + _BAGS_AT_ONCE]
        marks = ", ".join("?" * len(some))
        rows = connection.execute(f"select content, columns, rows, total from digest where content in ({marks})", some)
        found.update({(content, columns): BagDigest(n, total) for content, columns, n, total in rows})
    return found


def extraction(connection: sqlite3.Connection, extractor: str, path: str, version: str) -> Extracted | None:
    """What an extractor gave for one version of a file."""
    query = "select body from extraction where extractor = ? and path = ? and version = ?"
    row = connection.execute(query, (extractor, path, version)).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=Extracted)


def last_run(connection: sqlite3.Connection, task: str, actions: Iterable[Action]) -> tuple[int, float, RunTask] | None:
    """The newest run in which one of `actions` became of `task`."""
    wanted = tuple(map(str, actions))
    marks = ", ".join("?" * len(wanted))
    query = f"select run, started_at from run_task join run using (run) where task = ? and action in ({marks})"
    row = connection.execute(f"{query} order by run desc limit 1", (task, *wanted)).fetchone()
    found = None if row is None else run_task(connection, row[0], task)
    return None if found is None else (row[0], row[1], found)


def run_task(connection: sqlite3.Connection, run: int, task: str) -> RunTask | None:
    """What became of one task in one run."""
    row = connection.execute("select action, ms from run_task where run = ? and task = ?", (run, task)).fetchone()
    return None if row is None else RunTask(task, Action(row[0]), row[1], reasons(connection, run, task))


def reasons(connection: sqlite3.Connection, run: int, task: str) -> tuple[Reason, ...]:
    """The recorded reasons."""
    rows = connection.execute(
        "select rule, because, upstream, columns, path from reason where run = ? and task = ? order by ordinal",
        (run, task),
    )
    return tuple(
        Reason(Rule(rule), because, upstream, tuple(c for c in columns.split(", ") if c), path)
        for rule, because, upstream, columns, path in rows
    )


def changes(connection: sqlite3.Connection, run: int) -> tuple[tuple[str, str], ...]:
    """What a run took in."""
    return tuple(connection.execute("select path, change from run_change where run = ? order by path", (run,)))


def _bodies(connection: sqlite3.Connection, query: str, kind: type[T]) -> dict[str, T]:
    decoder = msgspec.json.Decoder(kind)
    return {name: decoder.decode(body) for name, body in connection.execute(query)}


def _module(state: str, body: str) -> Loaded | LoadFailed:
    return msgspec.json.decode(body, type=LoadFailed) if state == "failed" else msgspec.json.decode(body, type=Loaded)


def _output(row: tuple[Any, ...]) -> Output:
    output, task, _, content, rows, size, executed_at, ms, schema, basis = row
    known = msgspec.json.decode(basis, type=Basis)
    return Output(output, task, known, content, rows, size, msgspec.json.decode(schema, type=Schema), executed_at, ms)


def _status(row: tuple[Any, ...]) -> TaskStatus:
    name, output, kind, state, *rest = row
    return TaskStatus(name, output, Kind(kind), TaskState(state), *rest)


def _grouped(connection: sqlite3.Connection, query: str) -> _Groups:
    """The rows of each task, which is their first column and comes first in their order."""
    return {task: list(rows) for task, rows in groupby(connection.execute(query), itemgetter(0))}


def _plans(connection: sqlite3.Connection) -> dict[str, PlanArtifact]:
    # Most columns come again in each plan that they pass through, so there is one of a name and type for all.
    column = lru_cache(_COLUMNS_MAX)(Column)
    columns = _grouped(connection, "select task, name, type from plan_column order by task, ordinal")
    inputs = _grouped(
        connection, "select task, role, dataset, name, type from plan_input order by task, role, dataset, ordinal"
    )
    metadata = _grouped(connection, "select task, dataset, key, value from plan_metadata order by task, dataset, key")
    lineage = _grouped(
        connection, "select task, ordinal, name, dataset, source_column from plan_lineage order by task, ordinal, rowid"
    )
    udfs = _grouped(
        connection, "select task, name, returns, digest, path, parameters from plan_udf order by task, name"
    )
    repeatability = _repeatability(connection)
    aspects = _grouped(connection, "select task, name, digest from plan_aspect order by task, rowid")
    plans: dict[str, PlanArtifact] = {}
    for task, output, fingerprint, canonical, sql, coarse in connection.execute("select * from plan"):
        plans[task] = PlanArtifact(
            task=task,
            output=output,
            sql=sql,
            canonical=canonical,
            aspects=tuple((name, digest) for _, name, digest in aspects.get(task, [])),
            schema=Schema(tuple(column(name, type_) for _, name, type_ in columns.get(task, []))),
            deps=_deps(inputs.get(task, []), metadata.get(task, []), column),
            lineage=_lineage(lineage.get(task, [])),
            udfs=tuple(
                Udf(n, msgspec.json.decode(p, type=tuple[str, ...]), r, d, path)
                for _, n, r, d, path, p in udfs.get(task, [])
            ),
            coarse=coarse,
            fingerprint=fingerprint,
            repeatability=repeatability.get(task, NOTHING_FOUND),
        )
    return plans


def _repeatability(connection: sqlite3.Connection) -> dict[str, Repeatability]:
    columns = 'task, ordinal, code, line, "column", message, hint, inlined'
    found = _grouped(connection, f"select {columns} from plan_finding order by task, ordinal")
    unless = _grouped(connection, "select task, ordinal, dataset, name from plan_finding_unless order by 1, 2, 3, 4")
    sets = _grouped(connection, "select task, ordinal, name from plan_unique order by task, ordinal, name")
    handed = _grouped(connection, "select task, name, dataset, source_column from plan_rows_of order by task, name")
    return {
        task: Repeatability(
            _findings(found.get(task, []), unless.get(task, [])), _uniqueness(sets.get(task, []), handed.get(task, []))
        )
        for task in found.keys() | sets.keys() | handed.keys()
    }


def _findings(rows: list[tuple[Any, ...]], unless: list[tuple[Any, ...]]) -> tuple[Finding, ...]:
    void: dict[int, dict[str, list[str]]] = {}
    for _, ordinal, dataset, name in unless:
        void.setdefault(ordinal, {}).setdefault(dataset, []).append(name)
    return tuple(
        Finding(
            WarningCode(code),
            line,
            column,
            message,
            hint,
            tuple((dataset, tuple(names)) for dataset, names in void.get(ordinal, {}).items()),
            bool(inlined),
        )
        for _, ordinal, code, line, column, message, hint, inlined in rows
    )


def _uniqueness(rows: list[tuple[Any, ...]], handed: list[tuple[Any, ...]]) -> Uniqueness:
    sets: dict[int, list[str]] = {}
    for _, ordinal, name in rows:
        sets.setdefault(ordinal, []).extend([] if name is None else [name])
    names = tuple((here, there) for _, here, _, there in handed)
    return Uniqueness(tuple(tuple(s) for s in sets.values()), handed[0][2] if handed else None, names)


def _deps(
    rows: list[tuple[Any, ...]], metadata: list[tuple[Any, ...]], column: Callable[[str, str], Column]
) -> InferredDeps:
    needs: dict[tuple[str, str], list[Column]] = {}
    for _, role, dataset, name, type_ in rows:
        columns = needs.setdefault((role, dataset), [])
        if name is not None:
            columns.append(column(name, type_))
    asked: dict[str, list[tuple[str, str]]] = {}
    for _, dataset, key, value in metadata:
        asked.setdefault(dataset, []).append((key, value))
    inputs = [Requirement(d, tuple(c), tuple(asked.get(d, ()))) for (role, d), c in needs.items() if role == "input"]
    views = [Requirement(d, tuple(c)) for (role, d), c in needs.items() if role == "view"]
    return InferredDeps(tuple(inputs), tuple(views))


def _lineage(rows: list[tuple[Any, ...]]) -> tuple[LineageRow, ...]:
    found: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for _, ordinal, name, dataset, column in rows:
        origins = found.setdefault((ordinal, name), [])
        if dataset is not None:
            origins.append((dataset, column))
    return tuple((name, tuple(origins)) for (_, name), origins in found.items())
