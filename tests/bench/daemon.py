"""A daemon under measurement: started as users start it, watched by what it prints."""

import compileall
import re
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Self

from tests.bench.command import PROGRAM
from tests.bench.cpu import NOTHING, Reading, spent
from tests.bench.family import Family

import relspec
from relspec.core.layout import Layout
from relspec.edges.ask import ask

#: A cold build of the largest project ends within this time, or something is wrong.
READY_S = 1800.0
SOURCES = Path(relspec.__file__).parent
#: What takes longer is weighed while it lasts, so often; what is shorter is not disturbed.
_WEIGHED_S = 0.5
_ENDED = re.compile(r"^relspec-watch: (executed|restored): (\S+)")
_PROBLEM = re.compile(r"^\S+: error ")


class Daemon:
    """One daemon process with all its children."""

    def __init__(self, root: Path, *options: str) -> None:
        # As an installation has it, whatever the environment says of bytecode. Of what is compiled nothing happens.
        compileall.compile_dir(SOURCES, quiet=1)
        self._layout = Layout(root)
        command = [PROGRAM, "daemon", "--project", str(root), *options]
        self._started = time.perf_counter()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.ready_ms = 0.0
        #: What the first run did, by the daemon's lines: nobody is told of it otherwise.
        self.first: dict[str, list[str]] = {}
        self.family = Family(self._process.pid)
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def __enter__(self) -> Self:
        lines = self._ready()
        self.ready_ms = (time.perf_counter() - self._started) * 1000
        self.first = told(lines)
        self.family.weigh()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)
        self._reading.join(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def peak_mb(self) -> float:
        """The most memory of all processes together that was seen."""
        return self.family.peak_mb

    def _read(self) -> None:
        # Also between edits: a full pipe costs lines, and one of them could be the one that is waited for.
        for line in self._process.stdout or ():
            self._lines.put(line)
        self._lines.put("")

    def published(self, edit: Callable[[], object]) -> float:
        """Make an edit and wait until the daemon says that all is ready: milliseconds from the end of the edit on."""
        # What an answered edit left unread is about that one.
        while not self._lines.empty():
            self._lines.get()
        edit()
        started = time.perf_counter()
        self._ready()
        return self._since(started)

    def answered(self, edit: Callable[[], object]) -> tuple[float, dict[str, Any]]:
        """Make an edit and wait until `build` is answered: milliseconds from the end of the edit on, and the answer.

        After an edit that changes nothing the daemon says nothing by itself, and after one of many files it may be
        ready more than once.
        """
        edit()
        started = time.perf_counter()
        outcome = self.outcome()
        return self._since(started), outcome

    def outcome(self) -> dict[str, Any]:
        """What `build` answers: all that was done since it was last asked."""
        reply = ask(self._layout, "build", {"tasks": [], "file": None}, READY_S)
        assert reply is not None
        return reply[1]

    def reading(self) -> Reading:
        """The CPU clocks of the daemon and its children."""
        return self.family.reading()

    def cpu_ms(self) -> float:
        """CPU time of the daemon and its children so far; that of children which ended included."""
        used = spent(NOTHING, self.reading())
        return used.fine_ms + used.coarse_ms

    def _since(self, started: float) -> float:
        wall = (time.perf_counter() - started) * 1000
        self.family.weigh()
        return wall

    def _ready(self) -> list[str]:
        """Wait for the daemon to say that all is ready: its lines until then."""
        deadline, lines = time.monotonic() + READY_S, []
        while time.monotonic() < deadline:
            try:
                lines.append(self._lines.get(timeout=_WEIGHED_S))
            except Empty:
                self.family.weigh()
                continue
            if lines[-1].startswith("relspec-watch: ready: "):
                return lines
            if not lines[-1]:
                raise RuntimeError("the daemon ended")
        raise TimeoutError("the daemon did not become ready")


def told(lines: list[str]) -> dict[str, list[str]]:
    """What a run did, from the lines about it, with the keys that `build` has."""
    ended = [found.groups() for line in lines if (found := _ENDED.match(line)) is not None]
    problems = [line for line in lines if _PROBLEM.match(line) is not None]
    did = {action: [task for what, task in ended if what == action] for action in ("executed", "restored")}
    return {**did, "problems": problems}
