"""Writes a delta, table by table, inside the transaction that `Store.commit` holds."""

import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from relspec.core.plan import CompileRecord, PlanArtifact
from relspec.core.problem import Problem
from relspec.core.state import Delta, MemoRow, Output, RunRecord, SourceFile, SourceState
from relspec.core.tree import FileEntry
from relspec.core.warning import TaskWarning
from relspec.core.work import LoadFailed
from relspec.edges.store import shown

_PLAN_TABLES = (
    *("plan", "plan_aspect", "plan_column", "plan_input", "plan_metadata", "plan_lineage", "plan_udf"),
    *("plan_finding", "plan_finding_unless", "plan_unique", "plan_rows_of"),
)


def encode(value: Any) -> str:
    """Turn a value of the core into the text of a `body` column."""
    return msgspec.json.encode(value).decode()


def delta(connection: sqlite3.Connection, change: Delta, session: str) -> None:
    """Write everything that `change` holds."""
    _put(connection, "file", "path", change.files, _file_row)
    _put(connection, "module", "path", change.modules, _module_row)
    _put(connection, "source", "name", change.sources, _source_row)
    _source_files(connection, change.source_files)
    _put(connection, "record", "task", change.records, _record_row)
    _record_files(connection, change.records)
    _plans(connection, change.plans)
    _put(connection, "output", "output", change.outputs, _output_row)
    _put(
        connection,
        "status",
        "name",
        change.statuses,
        lambda _, s: (s.name, s.output, s.kind, s.state, s.rows, s.fingerprint, s.executed_at, s.ms, s.reason),
    )
    if change.problems is not None:
        _problems(connection, change.problems)
    if change.warnings is not None:
        _warnings(connection, change.warnings)
    _memo(connection, change.memo, session)
    _many(connection, "digest", [(d.content, d.columns, d.bag.rows, d.bag.total) for d in change.digests], replace=True)
    _many(
        connection,
        "extraction",
        [(e.extractor, e.path, e.version, encode(e.extracted), time.time()) for e in change.extractions],
        replace=True,
    )
    shown.note(connection, change)
    if change.run is not None:
        _run(connection, change.run)
    if change.toolchain is not None:
        _many(connection, "setting", [("toolchain", change.toolchain)], replace=True)


def _many(connection: sqlite3.Connection, table: str, rows: list[tuple[Any, ...]], *, replace: bool = False) -> None:
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        verb = "insert or replace" if replace else "insert"
        connection.executemany(f"{verb} into {table} values ({marks})", rows)


def _put(connection: sqlite3.Connection, table: str, key: str, values: Mapping[str, Any], row: Any) -> None:
    gone = [(name,) for name, value in values.items() if value is None]
    if gone:
        connection.executemany(f"delete from {table} where {key} = ?", gone)
    _many(connection, table, [row(name, value) for name, value in values.items() if value is not None], replace=True)


def _file_row(path: str, entry: FileEntry) -> tuple[Any, ...]:
    stamp = entry.stamp
    return (path, stamp.device, stamp.inode, stamp.size, stamp.mtime_ns, stamp.ctime_ns, entry.content)


def _module_row(path: str, module: Any) -> tuple[Any, ...]:
    return (path, "failed" if isinstance(module, LoadFailed) else "loaded", encode(module))


def _source_row(name: str, source: SourceState) -> tuple[Any, ...]:
    dataset = source.dataset
    rows = None if dataset is None else sum(part.rows for part in dataset.parts)
    problem = source.problems[0].message if source.problems else None
    return (name, len(source.files), rows, problem, encode(replace(source, files=())))


def _source_files(connection: sqlite3.Connection, files: Mapping[tuple[str, str], SourceFile | None]) -> None:
    gone = [key for key, file in files.items() if file is None]
    if gone:
        connection.executemany("delete from source_file where name = ? and path = ?", gone)
    _many(connection, "source_file", [(*key, encode(f)) for key, f in files.items() if f is not None], replace=True)


def _record_row(task: str, record: CompileRecord) -> tuple[Any, ...]:
    problem = None if record.problem is None else record.problem.message
    return (task, record.spec.builder.path, problem, encode(record))


def _record_files(connection: sqlite3.Connection, records: Mapping[str, CompileRecord | None]) -> None:
    connection.executemany("delete from plan_file where task = ?", [(task,) for task in records])
    kept = [(task, record) for task, record in records.items() if record is not None]
    _many(connection, "plan_file", [(task, f.path, f.content) for task, r in kept for f in r.files], replace=True)


def _plans(connection: sqlite3.Connection, plans: Mapping[str, PlanArtifact | None]) -> None:
    for table in _PLAN_TABLES:
        connection.executemany(f"delete from {table} where task = ?", [(task,) for task in plans])
    kept = [plan for plan in plans.values() if plan is not None]
    _many(connection, "plan", [(p.task, p.output, p.fingerprint, p.canonical, p.sql, p.coarse) for p in kept])
    _many(connection, "plan_aspect", [(p.task, name, digest) for p in kept for name, digest in p.aspects])
    columns = [(p.task, i, c.name, c.type) for p in kept for i, c in enumerate(p.schema.columns)]
    _many(connection, "plan_column", columns)
    _many(connection, "plan_input", [row for p in kept for row in _input_rows(p)])
    metadata = [(p.task, need.dataset, k, v) for p in kept for need in p.deps.inputs for k, v in need.metadata]
    _many(connection, "plan_metadata", metadata)
    _many(connection, "plan_lineage", [row for p in kept for row in _lineage_rows(p)])
    udfs = [(p.task, u.name, u.returns, u.digest, u.path, encode(u.parameters)) for p in kept for u in p.udfs]
    _many(connection, "plan_udf", udfs)
    _repeatability(connection, kept)


def _repeatability(connection: sqlite3.Connection, plans: list[PlanArtifact]) -> None:
    found = [(p.task, i, f) for p in plans for i, f in enumerate(p.repeatability.findings)]
    rows = [(t, i, f.code, f.line, f.column, f.message, f.hint, int(f.inlined)) for t, i, f in found]
    _many(connection, "plan_finding", rows)
    unless = [(task, i, dataset, name) for task, i, f in found for dataset, names in f.unless for name in names]
    _many(connection, "plan_finding_unless", unless, replace=True)
    known = [(p.task, p.repeatability.uniqueness) for p in plans]
    sets = [(task, i, columns) for task, unique in known for i, columns in enumerate(unique.sets)]
    # A set without columns says that there is at most one row.
    _many(connection, "plan_unique", [(task, i, name) for task, i, columns in sets for name in columns or (None,)])
    handed = [(task, here, unique.rows_of, there) for task, unique in known for here, there in unique.names]
    _many(connection, "plan_rows_of", handed, replace=True)


def _input_rows(plan: PlanArtifact) -> Iterable[tuple[Any, ...]]:
    for role, needs in (("input", plan.deps.inputs), ("view", plan.deps.views)):
        for need in needs:
            yield (plan.task, role, need.dataset, -1, None, None)
            for ordinal, column in enumerate(need.columns):
                yield (plan.task, role, need.dataset, ordinal, column.name, column.type)


def _lineage_rows(plan: PlanArtifact) -> Iterable[tuple[Any, ...]]:
    for ordinal, (name, origins) in enumerate(plan.lineage):
        for dataset, column in origins or ((None, None),):
            yield (plan.task, ordinal, name, dataset, column)


def _output_row(_: str, output: Output) -> tuple[Any, ...]:
    return (
        output.output,
        output.task,
        output.basis.key,
        output.content,
        output.rows,
        output.size,
        output.executed_at,
        output.ms,
        encode(output.schema),
        encode(output.basis),
    )


def _problems(connection: sqlite3.Connection, problems: tuple[Problem, ...]) -> None:
    connection.execute("delete from problem")
    rows = [(i, p.code, p.task, p.path, p.line, p.column, p.message, p.hint) for i, p in enumerate(problems)]
    _many(connection, "problem", rows)


def _warnings(connection: sqlite3.Connection, warnings: tuple[TaskWarning, ...]) -> None:
    connection.execute("delete from warning")
    rows = [(i, w.code, w.task, w.path, w.line, w.column, w.message, w.hint) for i, w in enumerate(warnings)]
    _many(connection, "warning", rows)


def _memo(connection: sqlite3.Connection, memo: tuple[MemoRow, ...], session: str) -> None:
    now = time.time()
    rows = [
        (
            row.output.basis.key,
            row.output.task,
            row.output.output,
            row.output.content,
            row.output.rows,
            row.output.size,
            row.output.executed_at,
            row.output.ms,
            encode(row.output.schema),
            encode(row.output.basis),
            row.policy,
            session,
            now,
        )
        for row in memo
    ]
    _many(connection, "memo", rows, replace=True)


def _run(connection: sqlite3.Connection, run: RunRecord) -> None:
    _many(connection, "run", [(run.run, run.revision, run.started_at, run.ms)])
    _many(connection, "run_change", [(run.run, path, change) for path, change in run.changes], replace=True)
    recompiled = set(run.recompiled)
    _many(connection, "run_task", [(run.run, t.task, t.action, t.ms, int(t.task in recompiled)) for t in run.tasks])
    reasons = [
        (run.run, t.task, i, r.rule, r.because, r.upstream, ", ".join(r.columns), r.path)
        for t in run.tasks
        for i, r in enumerate(t.reasons)
    ]
    _many(connection, "reason", reasons)
