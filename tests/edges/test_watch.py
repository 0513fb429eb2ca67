"""The watch on the real system: after the hints have settled, what was scanned is what is there."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.watching.desk import DEADLINE_S, QUIET, Desk, opened

from relspec.core.layout import Layout
from relspec.core.settings import WatchSettings
from relspec.edges import watch
from relspec.edges.watch import FileWatcher


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("tasks", "data", "state"):
        (tmp_path / folder).mkdir()
    return tmp_path


@pytest.fixture
async def desk(root: Path) -> AsyncIterator[Desk]:
    (root / "tasks/a.sql").write_text("select 1")
    async with opened(root) as desk:
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
    monkeypatch.setattr(watch, "_write", lambda cookie: False)
    await desk.watcher.barrier()
    assert desk.hints[-1] is None
    # A cookie that nobody tells of: the time limit decides.
    monkeypatch.setattr(watch, "_write", lambda cookie: True)
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


async def test_a_root_that_is_swapped_is_noticed(root: Path) -> None:
    project = root / "project"
    (project / "tasks").mkdir(parents=True)
    async with opened(project) as desk:
        for n in range(2):
            other = root / f"other{n}"
            (other / "tasks").mkdir(parents=True)
            (other / f"tasks/{n}.sql").write_text("select 1")
            project.rename(root / f"aside{n}")
            other.rename(project)
            await desk.until(lambda n=n: list(desk.tree) == [f"tasks/{n}.sql"])
        (project / "tasks/later.sql").write_text("select 1")
        await desk.until(lambda: "tasks/later.sql" in desk.tree)


async def test_a_root_below_a_swapped_folder_is_noticed(root: Path) -> None:
    """No event tells of this; caught the break "trust the watch of a root that is another folder now"."""
    project = root / "box/project"
    (project / "tasks").mkdir(parents=True)
    async with opened(project) as desk:
        (root / "box").rename(root / "aside")
        (project / "tasks").mkdir(parents=True)
        (project / "tasks/a.sql").write_text("select 1")
        await desk.until(lambda: list(desk.tree) == ["tasks/a.sql"])


async def test_a_root_that_is_deleted_and_made_again_is_watched_again(root: Path) -> None:
    project = root / "project"
    (project / "tasks").mkdir(parents=True)
    async with opened(project) as desk:
        shutil.rmtree(project)
        (project / "tasks").mkdir(parents=True)
        (project / "tasks/a.sql").write_text("select 1")
        await desk.until(lambda: "tasks/a.sql" in desk.tree)


async def test_a_folder_of_the_scope_may_come_later(root: Path) -> None:
    (root / "tasks").rmdir()
    async with opened(root) as desk:
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


async def test_a_name_that_is_not_utf8_does_not_stop_the_watch(desk: Desk) -> None:
    (desk.root / "tasks" / os.fsdecode(b"\xff.sql")).touch()
    for name in ("b", "c"):
        (desk.root / f"tasks/{name}.sql").write_text("select 1")
        await desk.until(lambda name=name: f"tasks/{name}.sql" in desk.tree)
    await desk.watcher.barrier()
    assert desk.is_true()


async def test_a_folder_known_by_two_names_is_looked_at_by_both(root: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    for name in ("one", "two"):
        (root / "tasks" / name).symlink_to(shared)
    async with opened(root) as desk:
        (shared / "a.sql").write_text("select 1")
        await desk.until(lambda: sorted(desk.tree) == ["tasks/one/a.sql", "tasks/two/a.sql"])


async def test_a_large_batch_makes_everything_be_looked_at(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "BATCH_MAX", 3)
    for n in range(3):
        (desk.root / f"tasks/{n}.sql").write_text("select 1")
    await desk.watcher.barrier()
    assert desk.hints[-1] is None
    assert desk.is_true()


#: A process that watches a folder, says so, is stopped while files come, and then prints the number that it heard of.
_WATCHING = """
import sys, threading
from watchfiles._rust_notify import RustNotify
notify = RustNotify([sys.argv[1]], False, False, 0, False, False)
print("watching", flush=True)
sys.stdin.readline()
heard = set()
while not isinstance(events := notify.watch(50, 5, 500, threading.Event()), str):
    heard |= {path for _, path in events}
print(len(heard))
"""


def test_a_queue_that_overflows_loses_events_without_a_word(tmp_path: Path) -> None:
    # What the simulated watch does when its queue is full (`tests/sim/system.py`).
    n_files = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text()) + 1_000
    command = [sys.executable, "-c", _WATCHING, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "watching\n"
        child.send_signal(signal.SIGSTOP)
        for n in range(n_files):
            os.close(os.open(tmp_path / str(n), os.O_CREAT | os.O_WRONLY))
        child.send_signal(signal.SIGCONT)
        child.stdin.write("\n")
        child.stdin.flush()
        heard = int(child.stdout.readline())
    # So many names at least are a batch that makes the watch suspicious.
    assert watch.BATCH_MAX < heard < n_files


async def test_a_pause_makes_everything_be_looked_at(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    real = watch._lived_s
    monkeypatch.setattr(watch, "_lived_s", lambda: real() + 60)
    await desk.until(lambda: desk.hints == [None, None])


async def test_a_stream_of_events_does_not_keep_the_audit_from_happening(root: Path) -> None:
    async def write_for_ever() -> None:
        while True:
            (root / "tasks/a.sql").write_text(f"select {time.monotonic_ns()}")
            await asyncio.sleep(0.002)

    async with opened(root, WatchSettings(audit_s=0.2)) as desk:
        stream = asyncio.create_task(write_for_ever())
        await desk.until(lambda: desk.hints.count(None) >= 4)
        stream.cancel()


async def test_the_audit_finds_what_no_event_told(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.sql"
    target.write_text("select 1")
    (tmp_path / "target.d").mkdir()
    target = target.rename(tmp_path / "target.d/target.sql")
    (root / "tasks/link.sql").symlink_to(target)
    async with opened(root, WatchSettings(audit_s=0.3)) as desk:
        content = desk.tree["tasks/link.sql"].content
        target.write_text("select 2")
        await desk.until(lambda: desk.tree["tasks/link.sql"].content != content)


async def test_a_refused_watch_polls_and_says_why(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("OS file watch limit reached.")

    with monkeypatch.context() as patch:
        patch.setattr(watch, "RustNotify", refuse)
        patch.setattr(watch, "TICK_S", 0.05)
        patch.setattr(watch, "RETRY_S", 0.2)
        async with opened(root) as desk:
            advice = "the system has no more watches; allow more: sysctl fs.inotify.max_user_watches"
            assert desk.watcher.polling == advice
            (root / "tasks/a.sql").write_text("select 1")
            await desk.until(lambda: "tasks/a.sql" in desk.tree)
            await desk.watcher.barrier()
            patch.undo()
            patch.setattr(watch, "RETRY_S", 0.2)
            await desk.until(lambda: desk.watcher.polling is None)


async def test_a_silent_file_system_is_polled(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "silent_type", lambda mountinfo, path: "nfs4")
    monkeypatch.setattr(watch, "TICK_S", 0.05)
    async with opened(root) as desk:
        assert desk.watcher.polling is not None
        assert "of type nfs4, which does not tell" in desk.watcher.polling
        await desk.until(lambda: desk.hints[:3] == [None, None, None])


async def test_the_end_cancels_who_waits_and_leaves_no_thread(root: Path) -> None:
    async with opened(root) as desk:
        pass
    watcher = FileWatcher(Layout(root), QUIET, desk.files.directories)
    async with watcher:
        waiting = asyncio.create_task(watcher.barrier())
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_what_is_to_be_watched_may_change_while_the_folders_are_listed(root: Path) -> None:
    listing, go = threading.Event(), threading.Event()

    def directories() -> list[str]:
        listing.set()
        assert go.wait(DEADLINE_S)
        return [str(root), str(root / "tasks")]

    go.set()
    async with FileWatcher(Layout(root), QUIET, directories) as watcher, asyncio.timeout(DEADLINE_S):
        hints = watcher.hints()
        assert await anext(hints) is None
        go.clear()
        listing.clear()
        watcher.refresh()
        second = asyncio.ensure_future(anext(hints))
        await asyncio.to_thread(listing.wait, DEADLINE_S)
        watcher.refresh()
        go.set()
        assert await second is None
        assert await anext(hints) is None


async def test_a_watch_that_is_calm_looks_less_often_until_something_happens(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "CALM_S", 0.3)
    monkeypatch.setattr(watch, "TICK_S", 0.02)
    async with opened(root) as desk:

        def step_ms() -> int:
            subscription = desk.watcher._subscription
            return 0 if subscription is None else subscription.step_ms

        await desk.until(lambda: step_ms() == watch.CALM_STEP_MS)
        n_hints = len(desk.hints)
        (root / "tasks" / "a.sql").write_text("select 1")
        await desk.until(lambda: "tasks/a.sql" in desk.tree)
        assert step_ms() == watch.STEP_MS
        await desk.until(lambda: step_ms() == watch.CALM_STEP_MS)
        assert None not in desk.hints[n_hints:], "it came and went without a look at everything"


async def test_no_event_is_lost_between_calm_and_lively(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "CALM_S", 0.005)
    monkeypatch.setattr(watch, "TICK_S", 0.005)
    async with opened(root) as desk:
        await desk.settle()
        n_hints = len(desk.hints)
        for number in range(60):
            (root / "tasks" / f"q{number}.sql").write_text("select 1")
            await asyncio.sleep(0.001 * (number % 30))
        names = {f"tasks/q{number}.sql" for number in range(60)}
        await desk.until(lambda: names <= desk.tree.keys())
        assert None not in desk.hints[n_hints:]
