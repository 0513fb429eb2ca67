"""Writes a delta, table by table, inside the transaction that `Store.commit` holds."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from relspec.core.plan import CompileRecord, PlanArtifact
from relspec.core.problem import Problem
from relspec.core.state import Delta, MemoRow, Output, RunRecord, SourceFile, SourceState
from relspec.core.tree import FileEntry
from relspec.core.warning import TaskWarning
from relspec.core.work import LoadFailed
from relspec.edges.store import shown
from relspec.edges.store.connection import Connection

#: What is written of something into one row of a table.
Row = tuple[Any, ...]


def encode(value: Any) -> str:
    """Turn a value of the core into the text of a `body` column."""
    return msgspec.json.encode(value).decode()


def delta(connection: Connection, change: Delta, session: str) -> None:
    """Write everything that `change` holds."""
    _put(connection, "file", "path", change.files, _file_row)
    _put(connection, "module", "path", change.modules, _module_row)
    _put(connection, "source", "name", change.sources, _source_row)
    _source_files(connection, change.source_files)
    _put(connection, "record", "task", change.records, _record_row)
    _record_files(connection, change.records)
    _plans(connection, change.plans, change.stored_plans)
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
    connection.put("digest", [(d.content, d.columns, d.bag.rows, d.bag.total) for d in change.digests])
    now = time.time()
    extractions = [(e.extractor, e.path, e.version, encode(e.extracted), now) for e in change.extractions]
    connection.put("extraction", extractions)
    shown.note(connection, change)
    if change.run is not None:
        _run(connection, change.run)
    if change.toolchain is not None:
        connection.put("setting", [("toolchain", change.toolchain)])


def _add(connection: Connection, table: str, rows: list[Row]) -> None:
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"insert into {table} values ({marks})", rows)


def _put(connection: Connection, table: str, key: str, values: Mapping[str, Any], row: Any) -> None:
    gone = [(name,) for name, value in values.items() if value is None]
    if gone:
        connection.executemany(f"delete from {table} where {key} = ?", gone)
    connection.put(table, [row(name, value) for name, value in values.items() if value is not None])


def _file_row(path: str, entry: FileEntry) -> Row:
    stamp = entry.stamp
    return (path, stamp.device, stamp.inode, stamp.size, stamp.mtime_ns, stamp.ctime_ns, entry.content)


def _module_row(path: str, module: Any) -> Row:
    return (path, "failed" if isinstance(module, LoadFailed) else "loaded", encode(module))


def _source_row(name: str, source: SourceState) -> Row:
    dataset = source.dataset
    rows = None if dataset is None else sum(part.rows for part in dataset.parts)
    problem = source.problems[0].message if source.problems else None
    return (name, len(source.files), rows, problem, encode(replace(source, files=())))


def _source_files(connection: Connection, files: Mapping[tuple[str, str], SourceFile | None]) -> None:
    gone = [key for key, file in files.items() if file is None]
    if gone:
        connection.executemany("delete from source_file where name = ? and path = ?", gone)
    connection.put("source_file", [(*key, encode(f)) for key, f in files.items() if f is not None])


def _record_row(task: str, record: CompileRecord) -> Row:
    problem = None if record.problem is None else record.problem.message
    return (task, record.spec.builder.path, problem, encode(record))


def _record_files(connection: Connection, records: Mapping[str, CompileRecord | None]) -> None:
    connection.executemany("delete from plan_file where task = ?", [(task,) for task in records])
    kept = [(task, record) for task, record in records.items() if record is not None]
    connection.put("plan_file", [(task, f.path, f.content) for task, r in kept for f in r.files])


def _plans(
    connection: Connection,
    plans: Mapping[str, PlanArtifact | None],
    stored: Mapping[str, PlanArtifact | None],
) -> None:
    """Write plans, where the store has others in those tables whose rows differ: a comment moves one of eleven."""
    for table, rows_of in _PLAN_ROWS.items():
        rows = {task: _rows(rows_of, plan) for task, plan in plans.items()}
        moved = [task for task in rows if stored.get(task) is None or _rows(rows_of, stored[task]) != rows[task]]
        # Where a plan has one row, that is written over.
        gone = [task for task in moved if table != "plan" or not rows[task]]
        if gone:
            connection.executemany(f"delete from {table} where task = ?", [(task,) for task in gone])
        write = Connection.put if table in _PUT else _add
        write(connection, table, [row for task in moved for row in rows[task]])


def _rows(rows_of: Callable[[PlanArtifact], Iterable[Row]], plan: PlanArtifact | None) -> list[Row]:
    return [] if plan is None else list(rows_of(plan))


def _plan_row(plan: PlanArtifact) -> Iterable[Row]:
    yield (plan.task, plan.output, plan.fingerprint, plan.canonical, plan.sql, plan.coarse)


def _aspect_rows(plan: PlanArtifact) -> Iterable[Row]:
    return ((plan.task, name, digest) for name, digest in plan.aspects)


def _column_rows(plan: PlanArtifact) -> Iterable[Row]:
    return ((plan.task, i, c.name, c.type) for i, c in enumerate(plan.schema.columns))


def _input_rows(plan: PlanArtifact) -> Iterable[Row]:
    for role, needs in (("input", plan.deps.inputs), ("view", plan.deps.views)):
        for need in needs:
            yield (plan.task, role, need.dataset, -1, None, None)
            for ordinal, column in enumerate(need.columns):
                yield (plan.task, role, need.dataset, ordinal, column.name, column.type)


def _metadata_rows(plan: PlanArtifact) -> Iterable[Row]:
    return ((plan.task, need.dataset, k, v) for need in plan.deps.inputs for k, v in need.metadata)


def _lineage_rows(plan: PlanArtifact) -> Iterable[Row]:
    for ordinal, (name, origins) in enumerate(plan.lineage):
        for dataset, column in origins or ((None, None),):
            yield (plan.task, ordinal, name, dataset, column)


def _udf_rows(plan: PlanArtifact) -> Iterable[Row]:
    return ((plan.task, u.name, u.returns, u.digest, u.path, encode(u.parameters)) for u in plan.udfs)


def _finding_rows(plan: PlanArtifact) -> Iterable[Row]:
    for i, f in enumerate(plan.repeatability.findings):
        yield (plan.task, i, f.code, f.line, f.column, f.message, f.hint, int(f.inlined))


def _unless_rows(plan: PlanArtifact) -> Iterable[Row]:
    for i, found in enumerate(plan.repeatability.findings):
        for dataset, names in found.unless:
            yield from ((plan.task, i, dataset, name) for name in names)


def _unique_rows(plan: PlanArtifact) -> Iterable[Row]:
    for i, columns in enumerate(plan.repeatability.uniqueness.sets):
        # A set without columns says that there is at most one row.
        yield from ((plan.task, i, name) for name in columns or (None,))


def _handed_rows(plan: PlanArtifact) -> Iterable[Row]:
    unique = plan.repeatability.uniqueness
    return ((plan.task, here, unique.rows_of, there) for here, there in unique.names)


#: The tables of which a plan is made, and what it has in each.
_PLAN_ROWS: Mapping[str, Callable[[PlanArtifact], Iterable[Row]]] = {
    "plan": _plan_row,
    "plan_aspect": _aspect_rows,
    "plan_column": _column_rows,
    "plan_input": _input_rows,
    "plan_metadata": _metadata_rows,
    "plan_lineage": _lineage_rows,
    "plan_udf": _udf_rows,
    "plan_finding": _finding_rows,
    "plan_finding_unless": _unless_rows,
    "plan_unique": _unique_rows,
    "plan_rows_of": _handed_rows,
}
#: Those where a row may be there already: of the plan before, or because a plan says it twice.
_PUT = frozenset({"plan", "plan_finding_unless", "plan_rows_of"})


def _output_row(_: str, output: Output) -> Row:
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


def _problems(connection: Connection, problems: tuple[Problem, ...]) -> None:
    connection.execute("delete from problem")
    rows = [(i, p.code, p.task, p.path, p.line, p.column, p.message, p.hint) for i, p in enumerate(problems)]
    _add(connection, "problem", rows)


def _warnings(connection: Connection, warnings: tuple[TaskWarning, ...]) -> None:
    connection.execute("delete from warning")
    rows = [(i, w.code, w.task, w.path, w.line, w.column, w.message, w.hint) for i, w in enumerate(warnings)]
    _add(connection, "warning", rows)


def _memo(connection: Connection, memo: tuple[MemoRow, ...], session: str) -> None:
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
    connection.put("memo", rows)


def _run(connection: Connection, run: RunRecord) -> None:
    _add(connection, "run", [(run.run, run.revision, run.started_at, run.ms)])
    connection.put("run_change", [(run.run, path, change) for path, change in run.changes])
    recompiled = set(run.recompiled)
    _add(connection, "run_task", [(run.run, t.task, t.action, t.ms, int(t.task in recompiled)) for t in run.tasks])
    reasons = [
        (run.run, t.task, i, r.rule, r.because, r.upstream, ", ".join(r.columns), r.path)
        for t in run.tasks
        for i, r in enumerate(t.reasons)
    ]
    _add(connection, "reason", reasons)
