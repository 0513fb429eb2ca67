"""Daemons under trial: started as users start them, and found again with all that they started, whoever adopts it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from relspec.core.errors import DaemonLostError
from relspec.core.layout import Layout
from relspec.edges.ask import ask

COMMAND = [str(Path(sys.executable).with_name("relspec-watch"))]
DEADLINE_S = 60.0
_MARK = "RELSPEC_LIFE"

#: What a task file may leave running: in its own group of processes, as most programs stay.
FORKING = """
import subprocess
from relspec import task

subprocess.Popen(["sleep", "1000"])

@task
def slow(ctx):
    while True:
        pass
"""

Reply = tuple[int, dict[str, Any]]


def make_project(root: Path) -> Path:
    """Write a project that starts as quickly as one can."""
    (root / "tasks").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "data" / "orders.csv").write_text("day,amount\n1,10\n2,20\n")
    (root / "tasks" / "total.sql").write_text("select sum(amount) as total from orders\n")
    (root / "watch.toml").write_text("[limits]\nworkers = 1\n")
    return root


def wait_for(condition: Callable[[], object], what: str, within_s: float = DEADLINE_S) -> float:
    """Wait for a condition, with a deadline; the seconds that it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < within_s, f"waited {within_s:g} s in vain for {what}"
        time.sleep(0.002)
    return time.monotonic() - started


def run(root: Path, *words: str) -> Reply:
    """Run a command with --json: its exit code and its document."""
    done = subprocess.run(
        [*COMMAND, *words, "--project", root, "--json"], capture_output=True, timeout=DEADLINE_S, check=False
    )
    return done.returncode, json.loads(done.stdout)


class Living:
    """A daemon in the foreground, with its output in a file, ended with the context whatever happens.

    `under` are the words of a command that runs it.
    """

    under: Sequence[str] = ()

    def __init__(self, root: Path, log: Path, *ignored: int, **environment: str) -> None:
        self.root = root
        self.log = log
        self._environment = environment
        self._mark = uuid.uuid4().hex
        self._ignored = ignored

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self.process = self.spawn(log, log)
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self.family():
            os.kill(pid, signal.SIGKILL)
        self.process.wait(DEADLINE_S)

    def spawn(self, stdout: Any, stderr: Any, *options: str) -> "subprocess.Popen[bytes]":
        """Start a daemon that `family` will find."""
        before = {number: signal.signal(number, signal.SIG_IGN) for number in self._ignored}
        try:
            return subprocess.Popen(
                [*self.under, *COMMAND, "daemon", *options, "--project", self.root],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={**os.environ, **self._environment, _MARK: self._mark},
            )
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def said(self) -> str:
        """What it has printed up to now."""
        return self.log.read_text("utf-8", "replace")

    def ready(self) -> Self:
        """Wait until all is built for the first time."""
        wait_for(lambda: "ready: " in self.said() or self.process.poll() is not None, "the daemon to be ready")
        assert self.process.poll() is None, self.said()
        return self

    def asked(self, command: str, **arguments: Any) -> Reply | None:
        """Ask it, and nobody else, as often as it takes to be answered; `None` when it is gone before it has."""
        replies: list[Reply] = []

        def ended() -> bool:
            # It may be cut short in its answer.
            with contextlib.suppress(DaemonLostError):
                reply = ask(Layout(self.root), command, arguments, DEADLINE_S)
                replies.extend([] if reply is None else [reply])
            return bool(replies) or self.process.poll() is not None

        wait_for(ended, f"an answer to {command}")
        return replies[0] if replies else None

    def family(self) -> set[int]:
        """All processes that it started and those that these started, itself included, without the dead."""
        return {pid for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))) if self._is_ours(pid)}

    def events(self) -> list[dict[str, Any]]:
        """The lines of its log."""
        return [json.loads(line) for line in (self.root / "state" / "log" / "daemon.jsonl").read_text().splitlines()]

    def gone_within(self) -> float:
        """The seconds until none of the family is left."""
        return wait_for(lambda: not self.family(), "the last of its processes to end", 10.0)

    def _is_ours(self, pid: int) -> bool:
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return f"{_MARK}={self._mark}".encode() in environment and state != "Z"
