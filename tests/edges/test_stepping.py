"""What watchfiles alone does on the real system, where the kernel's own queue cannot be read."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.watching.desk import opened

from relspec.edges.watch import stepping, watcher
from relspec.edges.watch.stepping import Stepping


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("tasks", "data", "state"):
        (tmp_path / folder).mkdir()
    return tmp_path


async def test_a_large_batch_makes_everything_be_looked_at(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "BATCH_MAX", 3)
    async with opened(root, open_source=Stepping) as desk:
        for n in range(3):
            (root / f"tasks/{n}.sql").write_text("select 1")
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
    assert stepping.BATCH_MAX < heard < n_files


async def test_a_watch_that_is_calm_looks_less_often_until_something_happens(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepping, "CALM_S", 0.3)
    monkeypatch.setattr(watcher, "TICK_S", 0.02)
    async with opened(root, open_source=Stepping) as desk:

        def step_ms() -> int:
            subscription = desk.watcher._source
            return 0 if subscription is None else subscription.step_ms

        await desk.until(lambda: step_ms() == stepping.CALM_STEP_MS)
        n_hints = len(desk.hints)
        (root / "tasks" / "a.sql").write_text("select 1")
        await desk.until(lambda: "tasks/a.sql" in desk.tree)
        assert step_ms() == stepping.STEP_MS
        await desk.until(lambda: step_ms() == stepping.CALM_STEP_MS)
        assert None not in desk.hints[n_hints:], "it came and went without a look at everything"


async def test_no_event_is_lost_between_calm_and_lively(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "CALM_S", 0.005)
    monkeypatch.setattr(watcher, "TICK_S", 0.005)
    async with opened(root, open_source=Stepping) as desk:
        await desk.settle()
        n_hints = len(desk.hints)
        for number in range(60):
            (root / "tasks" / f"q{number}.sql").write_text("select 1")
            await asyncio.sleep(0.001 * (number % 30))
        names = {f"tasks/q{number}.sql" for number in range(60)}
        await desk.until(lambda: names <= desk.tree.keys())
        assert None not in desk.hints[n_hints:]
