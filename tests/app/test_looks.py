"""What is being written, or was written just now, is waited for, by whoever asks a daemon too.

The daemon's loop runs here over real files, engines and a real state; only its hints are given by hand, so that each
save is looked at where the test wants it. A build that was cancelled loses nothing: builds are cancelled here at chosen
steps. The breaks that were planted and caught are in `tests/mutants/of_waiting.py`; one more: a look elsewhere forgets
what is held.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.harness import write

from relspec.app import daemon as daemon_module
from relspec.app import machine
from relspec.app.build import BuildReport, Wish
from relspec.app.daemon import Daemon
from relspec.app.trouble import problems_of
from relspec.app.workspace import HELD_S, Workspace, open_workspace
from relspec.core.errors import InputMovedError, StateError
from relspec.core.layout import Layout
from relspec.core.problem import Code, Problem
from relspec.core.progress import Action, AllReady, Progress, TaskEnded, TaskStarted
from relspec.core.settings import Settings, WatchSettings
from relspec.core.settle import ChangeSet, Hint
from relspec.core.state import RunRecord
from relspec.core.work import Analyse, Analysed, Intake, Intaken, Needs, Published, PublishViews
from relspec.edges.files import scan

TASK = {"tasks/one.sql": "select sum(a) as a from things", "data/things.csv": "a\n1\n", "data/other.csv": "a\n1\n"}
EXTRACTOR = {
    "tasks/logs.py": """
import pyarrow
from relspec import extract

@extract(files="logs/**/*.log")
def lines(file) -> dict[str, pyarrow.Table]:
    return {"lines": pyarrow.table({"line": file.text().splitlines()})}
""",
    "tasks/count.sql": "select line from lines",
}
NO_CHANGES = ChangeSet((), (), ())


class Hints:
    """A watcher whose hints are `saved` by hand; the barrier hands out what was saved before it."""

    def __init__(self) -> None:
        self.saved: asyncio.Queue[frozenset[str] | Hint | None] = asyncio.Queue()
        self.saved.put_nowait(None)
        self.refreshed = 0

    async def hints(self) -> AsyncIterator[Hint]:
        """Yield what was saved."""
        while True:
            saved = await self.saved.get()
            yield saved if isinstance(saved, Hint) else Hint(saved)
            self.saved.task_done()

    async def barrier(self) -> None:
        """Wait until all that was saved is handed out."""
        await self.saved.join()

    def refresh(self, settings: WatchSettings | None = None) -> None:
        """Count."""
        self.refreshed += 1


@asynccontextmanager
async def running(
    root: Path, tell: Callable[[Progress], None] = lambda _: None
) -> AsyncIterator[tuple[Daemon, Workspace, Hints]]:
    """A daemon's loop over a project that it has built; `tell` hears of the builds' progress."""
    async with open_workspace(Layout(root), tell) as workspace:
        hints = Hints()
        daemon = Daemon(workspace, hints, lambda _: None)
        loop = asyncio.create_task(daemon.run())
        try:
            await daemon.sync(retry=True)
            yield daemon, workspace, hints
        finally:
            daemon.stop()
            await loop


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop go on until something is so."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for is state that tells nobody
            await asyncio.sleep(0.001)


def changes(records: tuple[RunRecord, ...]) -> list[str]:
    """The files that some runs took in."""
    return [path for record in records for path, _ in record.changes]


def executed(records: tuple[RunRecord, ...]) -> list[str]:
    """The tasks that some runs executed."""
    return sorted(t.task for r in records for t in r.tasks if t.action is Action.EXECUTED)


@contextmanager
def writing(path: str, text: str) -> Iterator[None]:
    """Append to a file, and have it open all the while."""
    with Path(path).open("a") as writer:
        writer.write(text)
        writer.flush()
        yield


async def test_a_save_at_the_very_end_of_the_first_build_is_told_to_whoever_asks_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: what superseded the first build after its `ready` was taken for it, and told in nobody's answer."""
    write(tmp_path, TASK)
    told: list[Progress] = []
    async with open_workspace(Layout(tmp_path), told.append) as workspace, asyncio.TaskGroup() as group:
        build = workspace._build

        async def lingering(wish: Wish) -> BuildReport:
            await build(wish)
            # As a session whose child takes its time to end.
            return await asyncio.get_running_loop().create_future()

        monkeypatch.setattr(workspace, "_build", lingering)
        hints = Hints()
        daemon = Daemon(workspace, hints, lambda _: None)
        loop = group.create_task(daemon.run())
        await until(lambda: any(isinstance(event, AllReady) for event in told))
        monkeypatch.setattr(workspace, "_build", build)
        write(tmp_path, {"tasks/one.sql": "select max(a) as a from things"})
        hints.saved.put_nowait(frozenset({str(tmp_path / "tasks/one.sql")}))
        await until(lambda: daemon._first_done)
        assert [record.run for record in await daemon.sync(retry=False)] == [2]
        daemon.stop()
        await loop


async def test_what_is_being_written_stays_held_while_looks_go_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, {"tasks/one.sql": "select 1 as x", "data/things.csv": "a\n1\n", "data/other.csv": "a\n1\n"})
    things, other = (str(tmp_path / "data" / name) for name in ("things.csv", "other.csv"))
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        await workspace.look_all()
        with writing(things, "2\n"):
            await workspace.look(frozenset({things}))
            assert "data/things.csv" in workspace.held
            await workspace.look(frozenset({other}))
            assert "data/things.csv" in workspace.held
        assert "data/things.csv" in (await workspace.look_all()).paths
        assert workspace.held == frozenset()


@pytest.mark.parametrize("retry", [True, False])
async def test_an_answer_waits_for_data_that_is_being_written(tmp_path: Path, retry: bool) -> None:
    write(tmp_path, TASK)
    async with running(tmp_path) as (daemon, workspace, hints):
        with writing(str(tmp_path / "data/things.csv"), "2\n"):
            hints.saved.put_nowait(frozenset({str(tmp_path / "data/things.csv")}))
            asked = asyncio.create_task(daemon.sync(retry=retry))
            await until(lambda: bool(workspace.held))
        records = await asked
        assert changes(records) == ["data/things.csv"]
        assert [t.task for t in records[-1].tasks] == ["one"]


async def test_a_lone_file_that_is_whole_does_not_wait_for_quiet(tmp_path: Path) -> None:
    patience = "[watch]\nquiet_ms = 10000\nsettle_max_ms = 60000\n"
    write(tmp_path, {"tasks/one.sql": "select 1 as x", "watch.toml": patience})
    task = str(tmp_path / "tasks/one.sql")
    async with running(tmp_path) as (daemon, workspace, hints):
        # What comes soon after a look is a burst.
        daemon._looked_at -= 60
        write(tmp_path, {"tasks/one.sql": "select 2 as x"})
        content = workspace.world.tree["tasks/one.sql"].content
        # Names that the save passed through do not count.
        hints.saved.put_nowait(Hint(frozenset({task, f"{task}~"}), frozenset({task})))
        async with asyncio.timeout(5):
            await until(lambda: workspace.world.tree["tasks/one.sql"].content != content)


async def test_a_build_sees_data_that_was_saved_just_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, TASK)
    monkeypatch.setattr(machine, "exact_device", lambda _folder: None)
    async with running(tmp_path) as (daemon, _, hints):
        # However slow the machine is, the file is still young when it is looked at first.
        monkeypatch.setattr(scan, "TICK_NS", 300_000_000)
        write(tmp_path, {"data/things.csv": "a\n2\n"})
        hints.saved.put_nowait(frozenset({str(tmp_path / "data/things.csv")}))
        assert changes(await daemon.sync(retry=True)) == ["data/things.csv"]


async def test_a_write_in_a_folder_that_a_build_found_to_be_needed_is_not_missed(tmp_path: Path) -> None:
    write(tmp_path, TASK | {"logs/a.log": "x\n"})
    written = asyncio.Event()

    def write_unseen(progress: Progress) -> None:
        if isinstance(progress, TaskStarted) and progress.task == "count":
            write(tmp_path, {"logs/b.log": "y\n"})
            written.set()

    async with running(tmp_path, write_unseen) as (daemon, workspace, hints):
        write(tmp_path, EXTRACTOR)
        hints.saved.put_nowait(frozenset(str(tmp_path / path) for path in EXTRACTOR))
        await written.wait()
        await daemon.sync(retry=True)
        assert workspace.world.outputs["count"].rows == 2


async def test_what_new_settings_bring_in_is_held_like_all_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, TASK)
    monkeypatch.setattr(machine, "exact_device", lambda _folder: None)
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        await workspace.look_all()
        monkeypatch.setattr(scan, "TICK_NS", 60_000_000_000)
        write(tmp_path, {"far/x.csv": "a\n1\n", "watch.toml": '[sources.x]\nfiles = "far/*.csv"\n'})
        await workspace.look(frozenset({str(tmp_path / "watch.toml")}))
        assert workspace.held == {"far/x.csv"}


async def test_an_answer_waits_for_what_moved_while_it_was_read_however_long_that_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_module, "HELD_S", 0.3)
    write(tmp_path, TASK)
    async with running(tmp_path) as (daemon, workspace, hints):
        engines, moved = workspace.tools.engines, []
        intake = engines.intake

        async def slow(request: Intake) -> Intaken | Problem:
            if not moved:
                moved.append(request.path)
                await asyncio.sleep(0.6)
                raise InputMovedError(request.path)
            return await intake(request)

        monkeypatch.setattr(engines, "intake", slow)
        write(tmp_path, {"data/things.csv": "a\n5\n"})
        hints.saved.put_nowait(frozenset({str(tmp_path / "data/things.csv")}))
        assert executed(await daemon.sync(retry=True)) == ["one"]
        assert moved


@pytest.mark.parametrize("verb", ["commit", "remembered"])
async def test_a_daemon_whose_state_finds_no_room_says_so_stays_and_builds_when_there_is_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr(daemon_module, "REFUSED_S", 0.1)
    write(tmp_path, TASK)
    async with running(tmp_path) as (daemon, workspace, hints):
        real, full = getattr(workspace.store, verb), [True]

        def refuse(*asked: Any) -> Any:
            if full[0]:
                raise StateError("database or disk is full")
            return real(*asked)

        monkeypatch.setattr(workspace.store, verb, refuse)
        write(tmp_path, {"tasks/one.sql": "select max(a) as a from things"})
        hints.saved.put_nowait(frozenset({str(tmp_path / "tasks/one.sql")}))
        with pytest.raises(StateError, match="full"):
            await daemon.sync(retry=True)
        assert [p.code for p in problems_of(workspace.world)] == [Code.MACHINE]
        full[0] = False
        await until(lambda: not problems_of(workspace.world))
        records = await daemon.sync(retry=True)
        assert executed(records) == ["one"]
        assert workspace.store.last_run("one", [Action.EXECUTED]) is not None


async def test_a_look_that_was_cancelled_is_made_up_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, TASK)
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        await workspace.look_all()
        write(tmp_path, {"tasks/new/two.sql": "select 2 as a"})
        begun, go, scan_all = threading.Event(), threading.Event(), workspace.files.scan

        def slow(*arguments: Any) -> Any:
            begun.set()
            assert go.wait(20)
            return scan_all(*arguments)

        monkeypatch.setattr(workspace.files, "scan", slow)
        cancelled = asyncio.create_task(workspace.look(None))
        await asyncio.to_thread(begun.wait)
        cancelled.cancel()
        asyncio.get_running_loop().call_later(0.05, go.set)
        await asyncio.wait([cancelled])
        write(tmp_path, {"tasks/new/three.sql": "select 3 as a"})
        found = await workspace.look(frozenset({str(tmp_path / "tasks/new/three.sql")}))
        assert found.added == ("tasks/new/three.sql", "tasks/new/two.sql")


async def test_a_cancelled_build_leaves_its_changes_to_the_next(tmp_path: Path) -> None:
    write(tmp_path, TASK)
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        await workspace.build(await workspace.look_all())
        write(tmp_path, {"tasks/one.sql": "select max(a) as a from things"})
        cancelled = asyncio.create_task(workspace.build(await workspace.look(None)))
        await asyncio.sleep(0)
        write(tmp_path, {"tasks/two.sql": "select min(a) as a from things"})
        await workspace.look_within()
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        report = await workspace.build(NO_CHANGES)
        assert changes((report.record,)) == ["tasks/one.sql", "tasks/two.sql"]
        assert [t.task for t in report.record.tasks] == ["one", "two"]
        assert changes(((await workspace.build(NO_CHANGES)).record,)) == []


async def test_a_build_that_was_cancelled_before_its_first_step_leaves_its_changes_to_the_next(tmp_path: Path) -> None:
    write(tmp_path, TASK)
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        await workspace.build(await workspace.look_all())
        write(tmp_path, {"tasks/one.sql": "select max(a) as a from things"})
        cancelled = asyncio.create_task(workspace.build(await workspace.look(None)))
        cancelled.cancel()
        await asyncio.wait([cancelled])
        assert executed(((await workspace.build(NO_CHANGES)).record,)) == ["one"]


@pytest.mark.parametrize(
    ("edit", "action"),
    [("select 1 as x, 2 as y", Action.EXECUTED), (None, Action.BLOCKED)],
    ids=["another schema", "removed"],
)
async def test_no_reader_is_left_out_when_a_build_is_cancelled_while_it_compiles(
    tmp_path: Path, edit: str | None, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than are compiled beside each other.
    readers = [f"reader_{number:02}" for number in range(2 * Settings().limits.workers + 2)]
    write(tmp_path, {"tasks/above.sql": "select 1 as x"} | {f"tasks/{r}.sql": "select * from above" for r in readers})
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        await workspace.build(await workspace.look_all())
        begun = asyncio.Event()

        async def never(request: Analyse) -> Analysed | Needs | Problem:
            if request.task in readers:
                begun.set()
                await asyncio.Event().wait()
            return await analyse(request)

        engines = workspace.tools.engines
        analyse = engines.analyse
        write(tmp_path, {"tasks/above.sql": edit})
        with monkeypatch.context() as patched:
            patched.setattr(engines, "analyse", never)
            cancelled = asyncio.create_task(workspace.build(await workspace.look(None)))
            await begun.wait()
            cancelled.cancel()
            await asyncio.gather(cancelled, return_exceptions=True)
        tasks = (await workspace.build(NO_CHANGES)).record.tasks
        assert [(t.task, t.action) for t in tasks if t.task != "above"] == [(r, action) for r in readers]


async def test_what_a_cancelled_build_took_in_is_new_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, TASK | {"data/brief.csv": "a\n1\n", "tasks/two.sql": "select * from brief"})
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        await workspace.build(await workspace.look_all())

        async def other_never_ends(request: Intake) -> Intaken | Problem:
            return await (asyncio.Future() if request.source == "other" else intake(request))

        engines = workspace.tools.engines
        intake = engines.intake
        write(tmp_path, {"data/things.csv": "a\n2\n", "data/other.csv": "a\n2\n", "data/brief.csv": None})
        with monkeypatch.context() as patched:
            patched.setattr(engines, "intake", other_never_ends)
            cancelled = asyncio.create_task(workspace.build(await workspace.look_all()))
            await until(lambda: "things" in workspace.world.notes.sources)
            cancelled.cancel()
            await asyncio.gather(cancelled, return_exceptions=True)
        tasks = (await workspace.build(NO_CHANGES)).record.tasks
        assert [(t.task, t.action) for t in tasks] == [("one", Action.EXECUTED), ("two", Action.BLOCKED)]
        assert workspace.world.sources.keys() == {"things", "other"}


async def test_a_build_in_place_of_another_tries_again_what_that_one_was_to_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, TASK)
    wishes: list[Wish] = []
    async with running(tmp_path) as (daemon, workspace, hints):
        build = workspace.build

        async def first_never_ends(found: ChangeSet, wish: Wish) -> BuildReport:
            wishes.append(wish)
            if len(wishes) == 1:
                await asyncio.Event().wait()
            return await build(found, wish)

        monkeypatch.setattr(workspace, "build", first_never_ends)
        workspace.world.failures["one"] = ("key", Problem(Code.CRASH, "one", None, None, None, "it died", None))
        asked = asyncio.create_task(daemon.sync(retry=True))
        await until(lambda: bool(wishes))
        write(tmp_path, {"tasks/two.sql": "select min(a) as a from things"})
        hints.saved.put_nowait(frozenset({str(tmp_path / "tasks/two.sql")}))
        await asked
        assert [wish.retry for wish in wishes] == [{"one"}, {"one"}]


async def test_what_ran_before_a_build_was_superseded_is_told(tmp_path: Path) -> None:
    write(tmp_path, TASK | {"tasks/two.sql": "select min(a) as a from one"})
    saves = [{"tasks/three.sql": "select 3 as a"}]

    def save(progress: Progress) -> None:
        if isinstance(progress, TaskEnded) and progress.task == "one" and daemons and saves:
            found = saves.pop()
            write(tmp_path, found)
            daemons[0].saved.put_nowait(frozenset(str(tmp_path / path) for path in found))

    daemons: list[Hints] = []
    async with running(tmp_path, save) as (daemon, _, hints):
        daemons.append(hints)
        write(tmp_path, {"tasks/one.sql": "select sum(a) + 1 as a from things"})
        hints.saved.put_nowait(frozenset({str(tmp_path / "tasks/one.sql")}))
        records = await daemon.sync(retry=True)
        assert (saves, executed(records)) == ([], ["one", "three", "two"])


async def test_a_run_that_was_committed_before_it_was_superseded_is_told_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, TASK)
    async with running(tmp_path) as (daemon, workspace, hints):
        engines = workspace.tools.engines
        publish = engines.publish
        begun = asyncio.Event()
        published: list[list[str]] = []

        async def first_never_ends(request: PublishViews) -> Published:
            published.append([view.name for view in request.changed])
            if not begun.is_set():
                begun.set()
                await asyncio.Event().wait()
            return await publish(request)

        monkeypatch.setattr(engines, "publish", first_never_ends)
        for name in ("tasks/one.sql", "tasks/two.sql"):
            write(tmp_path, {name: "select sum(a) + 1 as a from things"})
            hints.saved.put_nowait(frozenset({str(tmp_path / name)}))
            if name == "tasks/one.sql":
                await begun.wait()
        assert executed(await daemon.sync(retry=True)) == ["one", "two"]
        assert published == [["one"], ["one", "two"]]


def test_whoever_waits_waits_for_timestamps_of_whole_seconds_too() -> None:
    assert HELD_S * 1e9 > scan.RACY_NS
