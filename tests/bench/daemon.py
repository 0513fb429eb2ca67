"""A daemon under measurement: started as users start it, watched by what it prints."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Self

import psutil

from relspec.core.layout import Layout
from relspec.edges.ask import ask

#: A cold build of the largest project ends within this time, or something is wrong.
READY_S = 1800.0
_READY = re.compile(r"ready: revision \d+, (\d+) executed")


class Daemon:
    """One daemon process with all its children."""

    def __init__(self, root: Path) -> None:
        self._layout = Layout(root)
        command = [sys.executable, "-m", "relspec.ui.cli", "daemon", "--project", str(root)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._psutil = psutil.Process(self._process.pid)
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        self.peak_mb = 0.0

    def __enter__(self) -> Self:
        self._ready()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._reading.join(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        # Also between edits: a full pipe costs lines, and one of them could be the one that is waited for.
        for line in self._process.stdout or ():
            self._lines.put(line)
        self._lines.put("")

    def settled(self, edit: Callable[[], None], *, silent: bool) -> tuple[float, int]:
        """Make an edit and wait until all is ready: milliseconds, and how many tasks executed.

        After an edit that changes nothing the daemon says nothing, so with `silent` it is asked.
        """
        edit()
        started = time.perf_counter()
        executed = self._asked() if silent else self._ready()
        wall = (time.perf_counter() - started) * 1000
        self._weigh()
        return wall, executed

    def cpu_ms(self) -> float:
        """CPU time of the daemon and its children so far; that of children which ended included."""
        own = self._psutil.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        for child in self._psutil.children(recursive=True):
            try:
                times = child.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system + times.children_user + times.children_system
        return float(total * 1000)

    def _ready(self) -> int:
        deadline = time.monotonic() + READY_S
        while (left := deadline - time.monotonic()) > 0:
            line = self._lines.get(timeout=left)
            found = _READY.search(line)
            if found is not None:
                return int(found[1])
            if not line:
                raise RuntimeError("the daemon ended")
        raise TimeoutError("the daemon did not become ready")

    def _asked(self) -> int:
        reply = ask(self._layout, "build", {"tasks": [], "file": None}, READY_S)
        assert reply is not None
        return len(reply[1]["executed"])

    def _weigh(self) -> None:
        used = 0
        for process in [self._psutil, *self._psutil.children(recursive=True)]:
            try:
                used += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
        self.peak_mb = max(self.peak_mb, used / 1e6)


def status_ms(root: Path) -> float:
    """The wall time of `relspec-watch status` as a whole process."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "relspec.ui.cli", "status", "--project", str(root), "--json"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return (time.perf_counter() - started) * 1000
