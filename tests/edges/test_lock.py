"""The lock on `state/`, with real processes: one owner, whatever is deleted, and no heir by accident."""

import contextlib
import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from relspec.core.errors import StateBusyError, StateError
from relspec.core.layout import Layout
from relspec.edges import lock
from relspec.edges.lock import StateLock, prepare_state

HOLD = """
import sys
from pathlib import Path
from relspec.core.layout import Layout
from relspec.edges import lock
from relspec.edges.lock import StateLock
with StateLock(Layout(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def test_a_second_owner_is_refused_with_the_pid_of_the_first(layout: Layout) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(layout.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        with pytest.raises(StateBusyError, match=rf"in use by process {owner.pid}; ask that one"):
            StateLock(layout).acquire()
        owner.kill()
    with StateLock(layout):
        assert layout.lock.read_text() == f"{os.getpid()}\n"


def test_the_lock_can_be_taken_again_after_its_release(layout: Layout) -> None:
    lock = StateLock(layout)
    for _ in range(2):
        with lock, pytest.raises(StateBusyError):
            StateLock(layout).acquire()
    with StateLock(layout):
        pass


def test_a_deleted_lock_file_lets_no_second_owner_in(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    with StateLock(layout):
        layout.lock.unlink()
        with pytest.raises(StateBusyError, match=f"process {os.getpid()};"):
            StateLock(layout).acquire()
        monkeypatch.setattr(lock, "_LOCKS", layout.root / "not told here")
        layout.card.write_text(json.dumps({"pid": 4711}))
        with pytest.raises(StateBusyError, match="process 4711"):
            StateLock(layout).acquire()
        layout.card.write_text("[broken")
        with pytest.raises(StateBusyError, match="another process"):
            StateLock(layout).acquire()


def test_the_owner_that_is_named_holds_the_lock_now_and_not_the_one_before(layout: Layout) -> None:
    with StateLock(layout):
        # Of an owner that was killed, while the next one has the lock and has not yet written its number.
        layout.lock.write_text("4711\n")
        with pytest.raises(StateBusyError, match=f"process {os.getpid()};"):
            StateLock(layout).acquire()


RACE = """
import sys, time
from pathlib import Path
from relspec.core.errors import StateBusyError
from relspec.core.layout import Layout
from relspec.edges.lock import StateLock
lock = StateLock(Layout(Path(sys.argv[1])))
print("set", flush=True)
sys.stdin.readline()
try:
    lock.acquire()
    print("mine", flush=True)
except StateBusyError as error:
    print(error, flush=True)
sys.stdin.readline()
"""


def test_of_twenty_that_start_at_once_one_wins_and_the_others_name_it(layout: Layout) -> None:
    with contextlib.ExitStack() as stack:
        command = [sys.executable, "-c", RACE, str(layout.root)]
        runners = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(20)
        ]
        said = {runner.pid: [told(runner)] for runner in runners}
        for _ in ("go", "end"):
            for runner in runners:
                assert runner.stdin is not None
                runner.stdin.write("\n")
                runner.stdin.flush()
            for runner in runners:
                said[runner.pid].append(told(runner))
    (winner,) = (pid for pid, lines in said.items() if lines[1] == "mine")
    losers = {lines[1] for pid, lines in said.items() if pid != winner}
    (sentence,) = losers
    assert f"in use by process {winner};" in sentence


def told(runner: "subprocess.Popen[str]") -> str:
    assert runner.stdout is not None
    return runner.stdout.readline().strip()


def test_an_owner_notices_that_its_folder_is_gone(layout: Layout) -> None:
    with StateLock(layout) as lock:
        assert lock.intact()
        layout.state.rename(layout.root / "elsewhere")
        assert not lock.intact()
        layout.state.mkdir()
        assert not lock.intact()
    assert not lock.intact()


def test_a_state_without_its_project_is_lost_as_well(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "project")
    layout.root.mkdir()
    with StateLock(layout) as lock:
        layout.root.rename(tmp_path / "elsewhere")
        layout.root.write_text("a file in its place")
        assert not lock.intact()
        layout.root.unlink()
        layout.root.symlink_to(layout.root)
        with pytest.raises(StateError, match="cannot be reached any more: Too many levels"):
            lock.intact()


def test_a_child_that_outlives_the_owner_does_not_keep_the_lock(layout: Layout) -> None:
    lock = StateLock(layout)
    lock.acquire()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False):
        lock.release()
        with StateLock(layout):
            pass


def test_the_folders_are_private_and_the_temporary_one_is_empty(layout: Layout) -> None:
    layout.state.mkdir(mode=0o755)
    with StateLock(layout):
        prepare_state(layout)
        (layout.temporary / "left").mkdir()
        (layout.temporary / "left" / "over").write_text("x")
        (layout.temporary / "part.parquet").write_text("x")
        (layout.objects / "kept").write_text("x")
        prepare_state(layout)
        assert list(layout.temporary.iterdir()) == []
        assert (layout.objects / "kept").exists()
    for folder in (layout.state, layout.objects, layout.temporary, layout.tables, layout.log):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(layout.lock.stat().st_mode) == 0o600


def test_a_file_in_the_way_is_named(layout: Layout) -> None:
    layout.state.write_text("I am a file")
    with pytest.raises(StateError, match=r"state cannot be used: .*; a file is in the way"):
        StateLock(layout).acquire()


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.EROFS, "the file system is read-only"), (errno.EACCES, "give your user the right"), (errno.ENOSPC, "free")],
)
def test_a_folder_that_cannot_be_made_says_why_and_what_to_do(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    def refuse(self: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StateError, match=f"{os.strerror(number)}; {advice}"):
        StateLock(layout).acquire()


def test_a_missing_project_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="make the project's folder first"):
        StateLock(Layout(tmp_path / "nowhere")).acquire()
    assert not (tmp_path / "nowhere").exists()
