"""What the kernel's own queue tells on the real system, and what is made of it."""

import asyncio
import errno
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.edges.test_watch import as_vim_does, by_rename, in_place
from tests.watching.desk import DEADLINE_S, QUIET, opened

from relspec.core.layout import Layout
from relspec.core.settle import Hint
from relspec.edges.watch import FileWatcher, inotify, watcher
from relspec.edges.watch.inotify import Inotify
from relspec.edges.watch.source import Events, Listing, identity
from relspec.edges.watch.stepping import Stepping


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("tasks", "tasks/deep", "data", "state"):
        (tmp_path / folder).mkdir()
    return tmp_path


def listed(*folders: Path) -> Listing:
    return {str(path): found for path in folders if (found := identity(str(path))) is not None}


@asynccontextmanager
async def following(*folders: Path) -> AsyncIterator[Inotify]:
    source = Inotify()
    source.follow(listed(*folders))
    source.listen()
    yield source
    await source.pause()
    source.release()


async def told(source: Inotify) -> Events:
    """All that has come so far, as one."""
    async with asyncio.timeout(DEADLINE_S):
        await source.heard
    events = source.take()
    source.listen()
    return events


def _link(file: Path) -> None:
    os.link(file.with_name("b"), file)


@pytest.mark.parametrize(
    ("act", "is_whole"),
    [
        (in_place, True),
        (by_rename, True),
        (as_vim_does, True),
        (Path.touch, False),
        (lambda file: os.chmod(file, 0o600), False),
        (lambda file: os.truncate(file, 0), False),
        (Path.unlink, False),
        (lambda file: file.rename(file.with_name("b.sql")), False),
        (_link, False),
    ],
)
async def test_a_file_is_whole_when_it_was_closed_or_moved_into_place(
    root: Path, act: Callable[[Path], object], is_whole: bool
) -> None:
    file = root / "tasks/a.sql"
    file.with_name("b").touch()
    if act is not _link:
        file.write_text("select 1")
    async with following(root / "tasks") as source:
        act(file)
        events = await told(source)
    assert str(file) in events.paths
    assert (str(file) in events.whole) == is_whole
    assert not events.lost


async def test_a_file_that_somebody_writes_is_not_whole_until_it_is_closed(root: Path) -> None:
    file = root / "tasks/a.sql"
    async with following(root / "tasks") as source:
        with file.open("w") as writer:
            writer.write("select")
            writer.flush()
            assert await told(source) == Events(frozenset({str(file)}))
        assert await told(source) == Events(frozenset({str(file)}), frozenset({str(file)}))
        os.utime(file)
        assert await told(source) == Events(frozenset({str(file)}))


async def test_folders_that_come_and_go_cost_no_event_of_the_others(root: Path) -> None:
    async with following(root / "tasks") as source:
        (root / "tasks/a.sql").touch()
        source.follow(listed(root / "tasks", root / "data"))
        (root / "data/b.csv").touch()
        source.follow(listed(root / "data"))
        (root / "tasks/c.sql").touch()
        (root / "data/d.csv").touch()
        events = await told(source)
    # What is left is told no more, and whoever leaves it looks at everything.
    assert events.paths == {str(root / "data/b.csv"), str(root / "data/d.csv")}
    assert not events.lost


async def test_a_folder_that_is_made_again_is_watched_again_though_it_looks_like_the_old_one(root: Path) -> None:
    """A file system gives the number of a folder that is gone to the next one: caught the break "trust the listing"."""
    deep = root / "tasks/deep"
    async with following(root / "tasks", deep) as source:
        before = listed(deep)
        deep.rmdir()
        deep.mkdir()
        events = await told(source)
        assert events.lost
        source.follow(dict.fromkeys(before, before[str(deep)]) | listed(root / "tasks", deep))
        (deep / "a.sql").touch()
        assert str(deep / "a.sql") in (await told(source)).paths


async def test_an_overflow_is_known_and_makes_everything_be_looked_at(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overflow = inotify.flags.Q_OVERFLOW
    async with opened(root) as desk:
        real = inotify.parse_events
        first = desk.watcher._source._queue
        monkeypatch.setattr(inotify, "parse_events", lambda data: [*real(data), (-1, overflow, 0, "")])
        (root / "tasks/a.sql").write_text("select 1")
        await desk.until(lambda: len(desk.hints) > 1)
        monkeypatch.undo()
        await desk.until(lambda: "tasks/a.sql" in desk.tree)
        assert desk.hints[-1] is None
        await desk.until(lambda: desk.watcher._source._queue is not first)
        (root / "tasks/deep/b.sql").write_text("select 1")
        await desk.until(lambda: "tasks/deep/b.sql" in desk.tree)


async def test_a_hint_comes_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the event and its hint no time has to pass."""
    folders = [str(root), str(root / "tasks")]
    async with FileWatcher(Layout(root), QUIET, lambda: folders) as watched, asyncio.timeout(DEADLINE_S):
        hints = watched.hints()
        assert await anext(hints) == Hint(None)
        loop = asyncio.get_running_loop()
        passed: list[object] = []
        call_at = loop.call_at

        def noted(when: float, callback: Callable[..., object], *rest: Any, **named: Any) -> asyncio.TimerHandle:
            def run() -> None:
                passed.append(callback)
                callback(*rest)

            # What listens again after a pause has said already what it heard.
            return call_at(when, callback, *rest, **named) if callback == loop.add_reader else call_at(when, run)

        for n in range(15):
            # Events that follow one another closely are told together.
            await asyncio.sleep(2 * inotify.STEP_S)
            with monkeypatch.context() as patch:
                patch.setattr(loop, "call_at", noted)
                os.rename(_written(root / f"data/{n}.sql"), root / "tasks/a.sql")
                hint = await anext(hints)
            assert hint == Hint(frozenset({str(root / "tasks/a.sql")}), frozenset({str(root / "tasks/a.sql")}))
        assert passed == []


def _written(path: Path) -> Path:
    path.write_text(f"select {time.monotonic_ns()}")
    return path


async def test_a_stream_of_events_is_read_in_steps(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def churn() -> None:
        while True:
            (root / "tasks/a.sql").touch()
            await asyncio.sleep(0)

    monkeypatch.setattr(inotify, "STEP_S", 0.1)
    async with opened(root) as desk:
        before = time.monotonic()
        stream = asyncio.create_task(churn())
        while len(desk.hints) < inotify.AT_ONCE_MAX + 6:  # noqa: ASYNC110 - the watch tells of none.
            await asyncio.sleep(0.01)
        stream.cancel()
        # Some of them came a step after the one before; after a pause of two steps it would be another stream.
        assert time.monotonic() - before > 2 * inotify.STEP_S


async def test_where_the_system_knows_no_queue_watchfiles_watches(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(error: int) -> Callable[..., object]:
        def opening() -> object:
            raise OSError(error, os.strerror(error))

        return opening

    monkeypatch.setattr(watcher, "Inotify", refuse(errno.ENOSYS))
    async with opened(root) as desk:
        assert isinstance(desk.watcher._source, Stepping)
    monkeypatch.setattr(watcher, "Inotify", refuse(errno.EMFILE))
    async with opened(root) as desk:
        advice = "allow more: sysctl fs.inotify.max_user_instances, ulimit -n"
        assert desk.watcher.polling == f"the system has no more queues of events; {advice}"
    monkeypatch.setattr(watcher, "Inotify", refuse(errno.EACCES))
    async with opened(root) as desk:
        assert desk.watcher.polling == "the system refused to watch: [Errno 13] Permission denied"


async def test_an_idle_watch_has_no_thread_and_a_new_folder_no_new_queue(root: Path) -> None:
    async with opened(root) as desk:
        source = desk.watcher._source
        assert isinstance(source, Inotify)
        queue = source._queue
        for n in range(3):
            (root / f"tasks/new{n}").mkdir()
            (root / f"tasks/new{n}/a.sql").write_text("select 1")
            await desk.until(lambda n=n: f"tasks/new{n}/a.sql" in desk.tree)
            shutil.rmtree(root / f"tasks/new{n}")
            await desk.until(lambda n=n: f"tasks/new{n}/a.sql" not in desk.tree)
        assert source._queue is queue
        await desk.watcher.barrier()
        assert len(source._watches) == len(desk.watcher._listing)
