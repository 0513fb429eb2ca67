"""What is read, and how often: a real workspace whose engines write down what they are asked.

Breaks that were planted and caught: measuring one reader's columns at a time, executing without the readers' column
sets, measuring the whole source after a new part, forgetting what was measured before a restart, taking over what
another engine measured, calling a build by another engine up to date before it has built anything.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest
from msgspec.structs import replace
from tests.app.conftest import Project

from relspec.app import machine as module
from relspec.app.build import BuildReport
from relspec.app.ports import Engines
from relspec.app.workspace import Workspace, open_workspace
from relspec.core.layout import Layout
from relspec.core.problem import Code, Problem
from relspec.core.progress import Action
from relspec.core.schema import Column
from relspec.core.work import (
    Analyse,
    Analysed,
    Execute,
    Executed,
    Intake,
    Intaken,
    Measure,
    Measured,
    Needs,
    Published,
    PublishViews,
)
from relspec.edges.toolchain import toolchain

#: Fewer processes make the tests faster, and a build orderly.
ONE_WORKER = "[limits]\nworkers = 1\n"

ColumnSets = set[tuple[str, ...]]


@dataclass
class Recorder:
    """Passes everything on to real engines, and keeps what was asked."""

    engines: Engines
    taken_in: list[str] = field(default_factory=list)
    analysed: list[str] = field(default_factory=list)
    measured: list[tuple[str, ColumnSets]] = field(default_factory=list)
    executed: dict[str, ColumnSets] = field(default_factory=dict)
    published: list[str] = field(default_factory=list)

    async def intake(self, request: Intake) -> Intaken | Problem:
        self.taken_in.append(Path(request.shown).name)
        return await self.engines.intake(request)

    async def analyse(self, request: Analyse) -> Analysed | Needs | Problem:
        self.analysed.append(request.task)
        return await self.engines.analyse(request)

    async def measure(self, request: Measure) -> Measured:
        assert len({names(s) for s in request.column_sets}) == len(request.column_sets)
        self.measured += [(Path(part.path).name, {names(s) for s in request.column_sets}) for part in request.parts]
        return await self.engines.measure(request)

    async def execute(self, request: Execute) -> Executed | Problem:
        assert request.task not in self.executed
        self.executed[request.task] = {names(s) for s in request.column_sets}
        return await self.engines.execute(request)

    async def publish(self, request: PublishViews) -> Published:
        self.published += [view.name for view in request.changed]
        return await self.engines.publish(request)

    def prepare(self, request: PublishViews) -> None:
        self.engines.prepare(request)


def names(columns: tuple[Column, ...]) -> tuple[str, ...]:
    return tuple(c.name for c in columns)


@dataclass(frozen=True, slots=True)
class Watched:
    """An open workspace; each build says what it read."""

    workspace: Workspace

    async def build(self) -> tuple[Recorder, BuildReport]:
        tools = self.workspace.tools
        recorder = Recorder(tools.engines)
        self.workspace.tools = replace(tools, engines=recorder)
        try:
            report = await self.workspace.build(await self.workspace.look_all())
        finally:
            self.workspace.tools = tools
        assert report.problems == ()
        return recorder, report


Opener = Callable[[], AbstractAsyncContextManager[Watched]]


@pytest.fixture
def opened(project: Project) -> Opener:
    project.save("watch.toml", ONE_WORKER)

    @asynccontextmanager
    async def opening() -> AsyncIterator[Watched]:
        async with open_workspace(Layout(project.root), lambda _: None) as workspace:
            yield Watched(workspace)

    return opening


def part(project: Project, number: int, start: int, *, name: str = "lines") -> None:
    query = f"select i as id, i * 2 as amount, 'n' || i as note from range({start}, {start + 3}) t(i)"
    project.data(f"data/{name}/part-{number}.parquet", query)


@pytest.fixture
def parted(project: Project, opened: Opener) -> Project:
    """Two parts, read by one task."""
    project.save("watch.toml", f'{ONE_WORKER}[sources.lines]\nfiles = "data/lines/*.parquet"\n')
    for number in (1, 2):
        part(project, number, number * 10)
    project.save("tasks/lines_sum.sql", "select sum(amount) as total from lines\n")
    return project


def actions(report: BuildReport) -> dict[str, Action]:
    return {t.task: t.action for t in report.record.tasks}


async def test_of_new_tasks_the_engine_is_asked_once_in_an_order_that_suits(project: Project, opened: Opener) -> None:
    project.save("tasks/a.sql", "select max(n) as b from b join total on true\n")
    project.save("tasks/b.sql", "select count(*) as n from Z\n")
    project.save("tasks/z.sql", "select day from daily\n")
    async with opened() as watched:
        seen, _ = await watched.build()
    assert seen.analysed == ["daily", "total", "z", "b", "a"]


async def test_a_word_that_is_the_name_of_another_dataset_is_no_reason_to_wait(
    project: Project, opened: Opener
) -> None:
    """Caught: a circle of tasks that only call a column as another one is called."""
    project.save("tasks/circle.sql", "select total as later from total\n")
    project.save("tasks/later.sql", "select later + 1 as id from circle\n")
    async with opened() as watched:
        seen, report = await watched.build()
        assert set(actions(report).values()) == {Action.EXECUTED}
        assert seen.analysed.count("circle") == 1
        assert [name for name, _ in watched.workspace.world.records["circle"].asked] == ["total"]
        assert [name for name, _ in watched.workspace.world.records["later"].asked] == ["circle"]


async def test_a_broken_task_looks_at_nothing_that_it_only_has_the_name_of(project: Project, opened: Opener) -> None:
    project.save("tasks/circle.sql", "select orders as later, wrong as daily from total\n")
    project.save("tasks/later.sql", "select later from circle\n")
    async with opened() as watched:
        workspace = watched.workspace
        report = await workspace.build(await workspace.look_all())
        assert [(p.task, p.code) for p in report.problems] == [("circle", Code.UNKNOWN_COLUMN)]
        assert [name for name, _ in workspace.world.records["circle"].asked] == ["total"]


async def test_one_scan_of_a_source_serves_all_its_readers(project: Project, opened: Opener) -> None:
    project.save("tasks/notes.sql", "select note, id from orders\n")
    project.save("tasks/ids.sql", "select max(id) as last from orders\n")
    project.save("tasks/more_ids.sql", "select min(id) as first from orders\n")
    project.save("tasks/n_orders.sql", "select count(*) as n from orders\n")
    async with opened() as watched:
        seen, _ = await watched.build()
    assert seen.taken_in == ["orders.parquet"]
    assert seen.measured == [("orders.parquet", {("day", "amount"), ("id", "note"), ("id",)})]


async def test_an_execution_measures_what_all_its_readers_require(project: Project, opened: Opener) -> None:
    project.save("tasks/busiest.sql", "select max(n) as n, max(day) as day from daily\n")
    project.save("tasks/n_days.sql", "select count(*) as n from daily\n")
    async with opened() as watched:
        seen, report = await watched.build()
    assert seen.executed == {"daily": {("revenue",), ("day", "n")}, "total": set(), "busiest": set(), "n_days": set()}
    assert [name for name, _ in seen.measured] == ["orders.parquet"]
    assert set(actions(report).values()) == {Action.EXECUTED}


async def test_an_undo_and_a_restart_measure_nothing(project: Project, opened: Opener) -> None:
    text = (project.root / "tasks/daily.sql").read_text()
    async with opened() as watched:
        await watched.build()
        project.save("tasks/daily.sql", text.replace("sum(amount)", "max(amount)"))
        seen, _ = await watched.build()
        assert (seen.measured, list(seen.executed)) == ([], ["daily", "total"])
    async with opened() as watched:
        project.save("tasks/daily.sql", text)
        seen, report = await watched.build()
    assert actions(report) == {"daily": Action.RESTORED, "total": Action.RESTORED}
    assert (seen.taken_in, seen.measured) == ([], [])


@pytest.mark.parametrize("kind", ["parquet", "csv"])
async def test_a_touch_and_an_equal_rewrite_read_the_bytes_alone(project: Project, opened: Opener, kind: str) -> None:
    path = project.root / f"data/others.{kind}"
    if kind == "csv":
        path.write_text("a,b\n1,x\n2,y\n")
    else:
        project.data("data/others.parquet", "select 1 as a, 'x' as b")
    project.save("tasks/reader.sql", "select a from others\n")
    objects = project.root / "state/objects"
    async with opened() as watched:
        await watched.build()
        before = {p: p.stat() for p in objects.iterdir()}
        seen, _ = await watched.build()
        assert (seen.taken_in, seen.measured) == ([], [])
        path.touch()
        seen, _ = await watched.build()
        assert (seen.taken_in, seen.measured) == ([path.name], [])
        other = path.with_name(".other")
        other.write_bytes(path.read_bytes())
        other.rename(path)
        seen, report = await watched.build()
        assert (seen.taken_in, seen.measured, actions(report)) == ([path.name], [], {})
        seen, _ = await watched.build()
        assert (seen.taken_in, seen.measured) == ([], [])
    assert {p: p.stat() for p in objects.iterdir()} == before


async def test_a_new_part_costs_its_own_bytes_and_a_removed_one_nothing(parted: Project, opened: Opener) -> None:
    columns = {("amount",)}
    async with opened() as watched:
        seen, _ = await watched.build()
        assert [m for m in seen.measured if m[0] != "orders.parquet"] == [
            ("part-1.parquet", columns),
            ("part-2.parquet", columns),
        ]
        part(parted, 3, 30)
        seen, report = await watched.build()
        assert (seen.taken_in, seen.measured) == (["part-3.parquet"], [("part-3.parquet", columns)])
        assert actions(report) == {"lines_sum": Action.EXECUTED}
        removed = parted.root / "data/lines/part-1.parquet"
        kept = removed.read_bytes()
        removed.unlink()
        seen, report = await watched.build()
        assert (seen.taken_in, seen.measured) == ([], [])
        assert actions(report) == {"lines_sum": Action.EXECUTED}
        # What comes back is hashed, and then it is known; so is the result.
        removed.write_bytes(kept)
        seen, report = await watched.build()
        assert (seen.taken_in, seen.measured) == (["part-1.parquet"], [])
        assert actions(report) == {"lines_sum": Action.RESTORED}


async def test_a_changed_part_costs_its_own_bytes_and_a_renamed_one_no_scan(parted: Project, opened: Opener) -> None:
    async with opened() as watched:
        await watched.build()
        part(parted, 2, 50)
        seen, _ = await watched.build()
        assert (seen.taken_in, [name for name, _ in seen.measured]) == (["part-2.parquet"], ["part-2.parquet"])
        folder = parted.root / "data/lines"
        (folder / "part-1.parquet").rename(folder / "part-9.parquet")
        seen, report = await watched.build()
    assert (seen.taken_in, seen.measured) == (["part-9.parquet"], [])
    assert actions(report) == {"lines_sum": Action.CUT_OFF}


async def test_a_column_that_a_new_reader_requires_costs_one_scan_a_part(parted: Project, opened: Opener) -> None:
    async with opened() as watched:
        await watched.build()
        parted.save("tasks/lines_notes.sql", "select note from lines\n")
        parted.save("tasks/lines_again.sql", "select max(amount) as amount from lines\n")
        seen, _ = await watched.build()
        assert seen.taken_in == []
        assert seen.measured == [("part-1.parquet", {("note",)}), ("part-2.parquet", {("note",)})]
        # An output that exists is scanned too, once, for what nobody required of it until now.
        parted.save("tasks/days.sql", "select day from daily\n")
        parted.save("tasks/counts.sql", "select n from daily\n")
        seen, _ = await watched.build()
    (scan,) = seen.measured
    assert scan[1] == {("day",), ("n",)}


async def test_another_version_of_the_engine_measures_and_compiles_everything_anew(
    parted: Project, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened() as watched:
        first, _ = await watched.build()
    monkeypatch.setattr(module, "toolchain", lambda timezone: replace(toolchain(timezone), engine="duckdb 99.0"))
    async with opened() as watched:
        # Whoever only asks, or dies before the commit, leaves the work to the next one.
        await watched.workspace.compile(await watched.workspace.look_all())
    async with opened() as watched:
        second, report = await watched.build()
        assert set(actions(report).values()) == {Action.EXECUTED}
        assert report.record.recompiled == ("daily", "lines_sum", "total")
        assert {r.rule.value for t in report.record.tasks for r in t.reasons} == {"engine-moved", "tool-moved"}
        assert sorted(second.measured) == sorted(first.measured)
    monkeypatch.undo()
    async with opened() as watched:
        third, report = await watched.build()
    assert set(actions(report).values()) == {Action.RESTORED}
    assert (third.measured, third.executed) == ([], {})


async def test_a_rewrite_with_the_same_size_and_times_is_noticed(project: Project, opened: Opener) -> None:
    """The time at which an inode last changed cannot be set, so it tells."""
    one, other = (uncompressed(project.root.parent / f"{factor}.parquet", factor) for factor in (3, 5))
    assert (len(one), one == other) == (len(other), False)
    path = project.root / "data/orders.parquet"
    path.write_bytes(one)
    async with opened() as watched:
        await watched.build()
        status = path.stat()
        with path.open("r+b") as file:
            file.write(other)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        again = path.stat()
        assert (again.st_ino, again.st_size, again.st_mtime_ns) == (status.st_ino, status.st_size, status.st_mtime_ns)
        seen, report = await watched.build()
    assert seen.taken_in == ["orders.parquet"]
    assert actions(report) == {"daily": Action.EXECUTED, "total": Action.EXECUTED}


def uncompressed(path: Path, factor: int) -> bytes:
    with duckdb.connect() as connection:
        query = f"select i as id, i % 2 as day, i * {factor} as amount, 'n' || i as note from range(4) t(i)"
        connection.execute(f"copy ({query}) to '{path}' (format parquet, compression uncompressed)")
    return path.read_bytes()


#: What became of the readers of `things`.
STAYED = {"pairs": Action.CUT_OFF, "alone": Action.CUT_OFF}


async def test_columns_whose_bytes_stayed_are_not_measured_again(project: Project, opened: Opener) -> None:
    """Also after a restart, for a reader of other columns, and after what is old was dropped.

    Caught: prints that are not kept, prints of one column for a set, and `gc` that forgets them.
    """

    def save(unused: int, *, swapped: bool = False) -> None:
        b = "case i when 0 then 1 when 1 then 0 else i end" if swapped else "i"
        query = f"select hash(i) as a, {b} as b, hash(i * 3) as c, i + {unused} as d from range(200000) t(i)"
        project.data("data/things.parquet", query)

    save(0)
    project.save("tasks/pairs.sql", "select bit_xor(hash(a, b)) as x, max(c) as c from things\n")
    project.save("tasks/alone.sql", "select sum(b) as b from things\n")
    async with opened() as watched:
        seen, _ = await watched.build()
        assert ("things.parquet", {("a", "b", "c"), ("b",)}) in seen.measured
        save(1)
        seen, report = await watched.build()
        assert (seen.taken_in, seen.measured, actions(report)) == (["things.parquet"], [], STAYED)
    async with opened() as watched:
        await watched.workspace.collect(dry=False)
        save(2)
        seen, report = await watched.build()
        assert (seen.measured, actions(report)) == ([], STAYED)
        save(2, swapped=True)
        seen, report = await watched.build()
        # The bag of `b` alone is the same.
        assert seen.measured == [("things.parquet", {("a", "b", "c"), ("b",)})]
        assert actions(report) == {"pairs": Action.EXECUTED, "alone": Action.CUT_OFF}
        save(3, swapped=True)
        seen, report = await watched.build()
        assert (seen.measured, actions(report)) == ([], STAYED)


async def test_a_source_that_changes_where_it_lies_is_shown_without_a_new_view(parted: Project, opened: Opener) -> None:
    """Caught: views that are kept where there are more files, or other columns, or where all views were removed."""

    def total() -> int:
        with duckdb.connect(str(Layout(parted.root).views), read_only=True) as connection:
            (row,) = connection.execute("select sum(id), (select revision from relspec_revision) from lines").fetchall()
        assert row[1] == watched.workspace.world.revision
        return int(row[0])

    async with opened() as watched:
        seen, _ = await watched.build()
        assert "lines" in seen.published
        part(parted, 2, 50)
        seen, _ = await watched.build()
        assert (seen.published, total()) == (["lines_sum"], 33 + 153)
        part(parted, 3, 70)
        seen, _ = await watched.build()
        assert (sorted(seen.published), total()) == (["lines", "lines_sum"], 33 + 153 + 213)
        for number in (1, 2, 3):
            query = f"select {number}::tinyint as id, 1 as amount, 2 as more"
            parted.data(f"data/lines/part-{number}.parquet", query)
        seen, _ = await watched.build()
        assert (sorted(seen.published), total()) == (["lines", "lines_sum"], 6)
        Layout(parted.root).views.unlink()
        part(parted, 1, 10)
        part(parted, 2, 50)
        part(parted, 3, 70)
        seen, _ = await watched.build()
        assert ("lines" in seen.published, total()) == (True, 33 + 153 + 213)
