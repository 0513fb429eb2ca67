"""What is being written, or was written just now, is waited for, by whoever asks a daemon too.

The daemon's loop runs here over real files, engines and a real state; only its hints are given by hand, so that each
save is looked at where the test wants it. Breaks that were planted and caught: a look elsewhere forgets what is held; a
build that has nothing to do answers though a file is held; the wait counts from when a file was first held, not from
when somebody asked; the second look of new settings forgets what it held; what a build found while it was under way is
lost with it; no look follows a build that moved the scope.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from tests.scenarios.harness import write

from relspec.app.daemon import Daemon
from relspec.app.workspace import HELD_S, Workspace, open_workspace
from relspec.core.layout import Layout
from relspec.core.settings import WatchSettings
from relspec.core.state import RunRecord
from relspec.edges.files import scan

TASK = {"tasks/one.sql": "select sum(a) as a from some", "data/some.csv": "a\n1\n", "data/other.csv": "a\n1\n"}


class Hints:
    """A watcher whose hints are `saved` by hand; the barrier hands out what was saved before it."""

    def __init__(self) -> None:
        self.saved: asyncio.Queue[frozenset[str] | None] = asyncio.Queue()
        self.saved.put_nowait(None)
        self.refreshed = 0

    async def hints(self) -> AsyncIterator[frozenset[str] | None]:
        """Yield what was saved."""
        while True:
            yield await self.saved.get()
            self.saved.task_done()

    async def barrier(self) -> None:
        """Wait until all that was saved is handed out."""
        await self.saved.join()

    def refresh(self, settings: WatchSettings | None = None) -> None:
        """Count."""
        self.refreshed += 1


@asynccontextmanager
async def running(root: Path) -> AsyncIterator[tuple[Daemon, Workspace, Hints]]:
    """A daemon's loop over a project that it has built."""
    async with open_workspace(Layout(root), lambda _: None) as workspace:
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
        while not condition():
            await asyncio.sleep(0)


def changes(records: tuple[RunRecord, ...]) -> list[str]:
    """The files that some runs took in."""
    return [path for record in records for path, _ in record.changes]


@contextmanager
def writing(path: str, text: str) -> Iterator[None]:
    """Append to a file, and have it open all the while."""
    with Path(path).open("a") as writer:
        writer.write(text)
        writer.flush()
        yield


async def test_what_is_being_written_stays_held_while_looks_go_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, {"tasks/one.sql": "select 1 as x", "data/some.csv": "a\n1\n", "data/other.csv": "a\n1\n"})
    some, other = (str(tmp_path / "data" / name) for name in ("some.csv", "other.csv"))
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        await workspace.look_all()
        with writing(some, "2\n"):
            workspace.look(frozenset({some}))
            assert "data/some.csv" in workspace.held
            workspace.look(frozenset({other}))
            assert "data/some.csv" in workspace.held
        assert "data/some.csv" in (await workspace.look_all()).paths
        assert workspace.held == frozenset()


@pytest.mark.parametrize("retry", [True, False])
async def test_an_answer_waits_for_data_that_is_being_written(tmp_path: Path, retry: bool) -> None:
    write(tmp_path, TASK)
    async with running(tmp_path) as (daemon, workspace, hints):
        with writing(str(tmp_path / "data/some.csv"), "2\n"):
            hints.saved.put_nowait(frozenset({str(tmp_path / "data/some.csv")}))
            asked = asyncio.create_task(daemon.sync(retry=retry))
            await until(lambda: bool(workspace.held))
        records = await asked
        assert changes(records) == ["data/some.csv"]
        assert [t.task for t in records[-1].tasks] == ["one"]


async def test_a_build_sees_data_that_was_saved_just_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, TASK)
    async with running(tmp_path) as (daemon, _, hints):
        # However slow the machine is, the file is still young when it is looked at first.
        monkeypatch.setattr(scan, "TICK_NS", 300_000_000)
        write(tmp_path, {"data/some.csv": "a\n2\n"})
        hints.saved.put_nowait(frozenset({str(tmp_path / "data/some.csv")}))
        assert changes(await daemon.sync(retry=True)) == ["data/some.csv"]
