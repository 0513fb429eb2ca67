"""The watch on the real system: after the hints have settled, what was scanned is what is there.

With each source of events: what is promised is the same. What one of them alone does is in `test_inotify.py` and
`test_stepping.py`.
"""

import asyncio
import errno
import os
import shutil
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest
from tests.watching.desk import DEADLINE_S, QUIET, Desk, opened

from relspec.core.layout import Layout
from relspec.core.settings import WatchSettings
from relspec.core.settle import Hint
from relspec.edges.watch import FileWatcher, inotify, stepping, watcher
from relspec.edges.watch.source import Source
from relspec.edges.watch.stepping import Stepping
from relspec.edges.watch.watcher import usual_source

Enter = Callable[..., AbstractAsyncContextManager[Desk]]


@pytest.fixture(params=[usual_source, Stepping], ids=["inotify", "watchfiles"])
def open_source(request: pytest.FixtureRequest) -> Callable[[Path], Source]:
    made: Callable[[Path], Source] = request.param
    return made


@pytest.fixture
def enter(open_source: Callable[[Path], Source]) -> Enter:
    return partial(opened, open_source=open_source)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("tasks", "data", "state"):
        (tmp_path / folder).mkdir()
    return tmp_path


@pytest.fixture
async def desk(root: Path, enter: Enter) -> AsyncIterator[Desk]:
    (root / "tasks/a.sql").write_text("select 1")
    async with enter(root) as desk:
        assert desk.hints == [None]
        assert desk.watcher.polling is None
        yield desk


def in_place(file: Path) -> None:
    file.write_text("select 2")


def by_rename(file: Path) -> None:
    (file.parent / ".a.sql.tmp").write_text("select 2")
    (file.parent / ".a.sql.tmp").rename(file)


def delete_and_recreate(file: Path) -> None:
    file.unlink()
    file.write_text("select 2")


def as_vim_does(file: Path) -> None:
    probe = file.parent / "4913"
    probe.touch()
    probe.unlink()
    file.rename(file.with_name("a.sql~"))
    file.write_text("select 2")
    file.with_name("a.sql~").unlink()


def as_emacs_does(file: Path) -> None:
    (file.parent / ".#a.sql").symlink_to("me@host.1:2")
    shutil.copy2(file, file.with_name("a.sql~"))
    file.write_text("select 2")
    (file.parent / ".#a.sql").unlink()


@pytest.mark.parametrize("save", [in_place, by_rename, delete_and_recreate, as_vim_does, as_emacs_does])
async def test_every_way_of_saving_is_seen_and_looks_at_the_file_alone(
    desk: Desk, save: Callable[[Path], None]
) -> None:
    content = desk.tree["tasks/a.sql"].content
    save(desk.root / "tasks/a.sql")
    await desk.until(lambda: desk.is_true() and desk.tree["tasks/a.sql"].content != content)
    assert None not in desk.hints[1:], "one save made the whole project be looked at"
    assert list(desk.tree) == ["tasks/a.sql"]


async def test_a_hint_comes_soon(desk: Desk) -> None:
    delays = []
    for n in range(15):
        start, seen = time.perf_counter(), len(desk.hints)
        (desk.root / "tasks/a.sql").write_text(f"select {n}")
        await desk.until(lambda seen=seen: len(desk.hints) > seen)
        delays.append(time.perf_counter() - start)
    assert sorted(delays)[7] < 0.04


def copy_of_2000_files(source: Path, target: Path) -> None:
    for n in range(40):
        (source / f"d{n}/e").mkdir(parents=True)
        for m in range(50):
            (source / f"d{n}/e/f{m}.sql").write_text(f"select {n}, {m}")
    subprocess.run(["cp", "-r", str(source), str(target)], check=True)


async def test_a_burst_of_files_in_new_folders_is_found_whole(desk: Desk, tmp_path: Path) -> None:
    copy_of_2000_files(tmp_path / "aside", desk.root / "tasks/new")
    await desk.until(lambda: len(desk.tree) == 2_001)
    assert desk.is_true()
    shutil.rmtree(desk.root / "tasks/new")
    await desk.until(lambda: len(desk.tree) == 1)


async def test_a_file_in_a_chain_of_new_folders_is_found_by_the_barrier(desk: Desk) -> None:
    for n in range(30):
        file = desk.root / f"tasks/p{n}/q/r/s.sql"
        file.parent.mkdir(parents=True)
        file.write_text("select 1")
        await desk.settle()
        assert f"tasks/p{n}/q/r/s.sql" in desk.tree


async def test_the_barrier_shows_every_write_before_it(desk: Desk) -> None:
    """Caught the break "return at once"."""
    file = desk.root / "tasks/a.sql"
    for n in range(60):
        file.write_text(f"select {n:03}")
        await desk.watcher.barrier()
        content = desk.tree["tasks/a.sql"].content
        truth = desk.files.read_code("tasks/a.sql")
        assert isinstance(truth, tuple)
        assert content == truth[0]
    assert None not in desk.hints[1:], "the barrier fell back to looking at everything"
    assert list((desk.root / "state/cookies").iterdir()) == []


async def test_barriers_at_the_same_time_all_return(desk: Desk) -> None:
    (desk.root / "tasks/b.sql").write_text("select 1")
    await asyncio.gather(*(desk.watcher.barrier() for _ in range(20)))
    assert "tasks/b.sql" in desk.tree


async def test_a_barrier_without_its_cookie_asks_for_a_whole_look(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "_write", lambda cookie: False)
    await desk.watcher.barrier()
    assert desk.hints[-1] is None
    # A cookie that nobody tells of: the time limit decides.
    monkeypatch.setattr(watcher, "_write", lambda cookie: True)
    before = len(desk.hints)
    await desk.watcher.barrier()
    assert desk.hints[before:] == [None]


async def test_cookies_and_our_own_state_never_wake_anybody(desk: Desk) -> None:
    for n in range(5):
        (desk.root / f"state/{n}.parquet").write_text("x")
        await desk.watcher.barrier()
    assert desk.hints == [None]


async def test_a_refresh_watches_what_is_new_in_the_scope(desk: Desk) -> None:
    (desk.root / "lib").mkdir()
    await desk.settle()
    desk.files.extend([], ["lib/x.py"])
    desk.watcher.refresh()
    await desk.watcher.barrier()
    seen = len(desk.hints)
    (desk.root / "lib/x.py").write_text("1")
    await desk.until(lambda: "lib/x.py" in desk.tree)
    assert desk.hints[seen:] == [frozenset({str(desk.root / "lib/x.py")})]


async def test_other_patterns_of_git_bring_folders_in_and_out(desk: Desk) -> None:
    (desk.root / "tasks/gen").mkdir()
    (desk.root / "tasks/gen/b.sql").write_text("select 1")
    await desk.until(lambda: sorted(desk.tree) == ["tasks/a.sql", "tasks/gen/b.sql"])
    (desk.root / ".gitignore").write_text("gen/\n")
    await desk.until(lambda: sorted(desk.tree) == ["tasks/a.sql"])
    (desk.root / ".gitignore").unlink()
    await desk.until(lambda: sorted(desk.tree) == ["tasks/a.sql", "tasks/gen/b.sql"])
    (desk.root / "tasks/gen/c.sql").write_text("select 1")
    await desk.until(lambda: "tasks/gen/c.sql" in desk.tree)


async def test_a_root_that_is_swapped_is_noticed(root: Path, enter: Enter) -> None:
    project = root / "project"
    (project / "tasks").mkdir(parents=True)
    async with enter(project) as desk:
        for n in range(2):
            other = root / f"other{n}"
            (other / "tasks").mkdir(parents=True)
            (other / f"tasks/{n}.sql").write_text("select 1")
            project.rename(root / f"aside{n}")
            other.rename(project)
            await desk.until(lambda n=n: list(desk.tree) == [f"tasks/{n}.sql"])
        (project / "tasks/later.sql").write_text("select 1")
        await desk.until(lambda: "tasks/later.sql" in desk.tree)


async def test_a_root_below_a_swapped_folder_is_noticed(root: Path, enter: Enter) -> None:
    """No event tells of this; caught the break "trust the watch of a root that is another folder now"."""
    project = root / "box/project"
    (project / "tasks").mkdir(parents=True)
    async with enter(project) as desk:
        (root / "box").rename(root / "aside")
        (project / "tasks").mkdir(parents=True)
        (project / "tasks/a.sql").write_text("select 1")
        await desk.until(lambda: list(desk.tree) == ["tasks/a.sql"])


async def test_a_root_that_is_deleted_and_made_again_is_watched_again(root: Path, enter: Enter) -> None:
    project = root / "project"
    (project / "tasks").mkdir(parents=True)
    async with enter(project) as desk:
        shutil.rmtree(project)
        (project / "tasks").mkdir(parents=True)
        (project / "tasks/a.sql").write_text("select 1")
        await desk.until(lambda: "tasks/a.sql" in desk.tree)


async def test_a_folder_of_the_scope_may_come_later(root: Path, enter: Enter) -> None:
    (root / "tasks").rmdir()
    async with enter(root) as desk:
        (root / "tasks/deep").mkdir(parents=True)
        (root / "tasks/deep/a.sql").write_text("select 1")
        await desk.until(lambda: "tasks/deep/a.sql" in desk.tree)
        (root / "tasks/deep/b.sql").write_text("select 1")
        await desk.until(lambda: "tasks/deep/b.sql" in desk.tree)


async def test_state_that_is_deleted_does_not_stop_the_watch(desk: Desk) -> None:
    shutil.rmtree(desk.root / "state")
    (desk.root / "tasks/b.sql").write_text("select 1")
    await desk.watcher.barrier()
    assert "tasks/b.sql" in desk.tree


async def test_who_deletes_the_state_finds_nothing_new_in_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caught the break "make the folder of cookies again at once": `rm -r state` ended with "not empty"."""
    monkeypatch.setattr(watcher, "TICK_S", 0.05)
    cookies = desk.root / "state/cookies"
    seen = len(desk.hints)
    cookies.rmdir()
    await desk.until(lambda: len(desk.hints) > seen)
    assert not cookies.exists()
    await desk.until(cookies.exists)
    seen = len(desk.hints)
    await desk.until(lambda: len(desk.hints) > seen)
    (desk.root / "tasks/b.sql").write_text("select 1")
    await desk.watcher.barrier()
    assert desk.hints[-1] == {str(desk.root / "tasks/b.sql")}


async def test_a_name_that_is_not_utf8_does_not_stop_the_watch(desk: Desk) -> None:
    (desk.root / "tasks" / os.fsdecode(b"\xff.sql")).touch()
    for name in ("b", "c"):
        (desk.root / f"tasks/{name}.sql").write_text("select 1")
        await desk.until(lambda name=name: f"tasks/{name}.sql" in desk.tree)
    await desk.watcher.barrier()
    assert desk.is_true()


async def test_a_folder_known_by_two_names_is_looked_at_by_both(root: Path, tmp_path: Path, enter: Enter) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    for name in ("one", "two"):
        (root / "tasks" / name).symlink_to(shared)
    async with enter(root) as desk:
        (shared / "a.sql").write_text("select 1")
        await desk.until(lambda: sorted(desk.tree) == ["tasks/one/a.sql", "tasks/two/a.sql"])


async def test_a_pause_makes_everything_be_looked_at(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    real = watcher._lived_s
    monkeypatch.setattr(watcher, "_lived_s", lambda: real() + 60)
    await desk.until(lambda: desk.hints == [None, None])


async def test_a_stream_of_events_does_not_keep_the_audit_from_happening(root: Path, enter: Enter) -> None:
    async def write_for_ever() -> None:
        while True:
            (root / "tasks/a.sql").write_text(f"select {time.monotonic_ns()}")
            await asyncio.sleep(0.002)

    async with enter(root, WatchSettings(audit_s=0.2)) as desk:
        stream = asyncio.create_task(write_for_ever())
        await desk.until(lambda: desk.hints.count(None) >= 4)
        stream.cancel()


async def test_the_audit_finds_what_no_event_told(root: Path, tmp_path: Path, enter: Enter) -> None:
    target = tmp_path / "target.sql"
    target.write_text("select 1")
    (tmp_path / "target.d").mkdir()
    target = target.rename(tmp_path / "target.d/target.sql")
    (root / "tasks/link.sql").symlink_to(target)
    async with enter(root, WatchSettings(audit_s=0.3)) as desk:
        content = desk.tree["tasks/link.sql"].content
        target.write_text("select 2")
        await desk.until(lambda: desk.tree["tasks/link.sql"].content != content)


async def test_a_refused_watch_polls_and_says_why(root: Path, monkeypatch: pytest.MonkeyPatch, enter: Enter) -> None:
    def refuse_watchfiles(*_: object) -> None:
        raise OSError("OS file watch limit reached.")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(stepping, "RustNotify", refuse_watchfiles)
        patch.setattr(inotify.INotify, "add_watch", refuse)
        patch.setattr(watcher, "TICK_S", 0.05)
        patch.setattr(watcher, "RETRY_S", 0.2)
        async with enter(root) as desk:
            advice = "the system has no more watches; allow more: sysctl fs.inotify.max_user_watches"
            assert desk.watcher.polling == advice
            (root / "tasks/a.sql").write_text("select 1")
            await desk.until(lambda: "tasks/a.sql" in desk.tree)
            await desk.watcher.barrier()
            patch.undo()
            patch.setattr(watcher, "RETRY_S", 0.2)
            await desk.until(lambda: desk.watcher.polling is None)


async def test_a_silent_file_system_is_polled(root: Path, monkeypatch: pytest.MonkeyPatch, enter: Enter) -> None:
    monkeypatch.setattr(watcher, "silent_type", lambda mountinfo, path: "nfs4")
    monkeypatch.setattr(watcher, "TICK_S", 0.05)
    async with enter(root) as desk:
        assert desk.watcher.polling is not None
        assert "of type nfs4, which does not tell" in desk.watcher.polling
        await desk.until(lambda: desk.hints[:3] == [None, None, None])


async def test_the_end_cancels_who_waits_and_leaves_no_thread(
    root: Path, open_source: Callable[[Path], Source]
) -> None:
    n_threads, n_descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    async with FileWatcher(Layout(root), QUIET, lambda: [str(root)], open_source) as watched:
        waiting = asyncio.create_task(watched.barrier())
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.get_running_loop().shutdown_default_executor()
    async with asyncio.timeout(DEADLINE_S):
        # The threads of a watch end by themselves.
        while threading.active_count() > n_threads or len(os.listdir("/proc/self/fd")) > n_descriptors:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_what_is_to_be_watched_may_change_while_the_folders_are_listed(
    root: Path, open_source: Callable[[Path], Source]
) -> None:
    listing, go = threading.Event(), threading.Event()

    def directories() -> list[str]:
        listing.set()
        assert go.wait(DEADLINE_S)
        return [str(root), str(root / "tasks")]

    go.set()
    async with FileWatcher(Layout(root), QUIET, directories, open_source) as watched, asyncio.timeout(DEADLINE_S):
        hints = watched.hints()
        assert await anext(hints) == Hint(None)
        go.clear()
        listing.clear()
        watched.refresh()
        second = asyncio.ensure_future(anext(hints))
        await asyncio.to_thread(listing.wait, DEADLINE_S)
        watched.refresh()
        go.set()
        assert await second == Hint(None)
        assert await anext(hints) == Hint(None)
