"""What a run costs: wall time, CPU and memory of a process with all that it starts."""

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

#: Nothing that is measured here takes as long; what does is stuck.
LIMIT_S = 1800.0
#: Reading the sizes of a process of 300 MB takes about a millisecond.
SAMPLE_S = 0.05


@dataclass(frozen=True, slots=True)
class Usage:
    """The cost of one step, in milliseconds and megabytes."""

    wall_ms: float
    cpu_ms: float
    peak_mb: float


class Memory:
    """Samples the memory of a process and its descendants together, what they share counted once."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._sampling = threading.Thread(target=self._sample, daemon=True)
        self.peak_mb = 0.0

    def __enter__(self) -> Self:
        self._sampling.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._ended.set()
        self._sampling.join()

    def _sample(self) -> None:
        while True:
            self.peak_mb = max(self.peak_mb, together_mb(self._pid))
            if self._ended.wait(SAMPLE_S):
                return


def together_mb(pid: int) -> float:
    """The memory of a process and its descendants now; what ended meanwhile counts nothing."""
    used = 0
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for process in family:
        try:
            used += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            # A process that has ended but was not waited for denies its sizes.
            continue
    return used / 1e6


def run(command: list[str], root: Path, variables: dict[str, str]) -> tuple[Usage, str]:
    """Run one command line to its end: what it cost and what it printed. A failure is an error with its last words."""
    log = root / "last.log"
    with log.open("w") as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=root, env=variables, stdout=output, stderr=subprocess.STDOUT)
        limit = threading.Timer(LIMIT_S, process.kill)
        limit.start()
        with Memory(process.pid) as memory:
            # `wait4` alone tells the CPU of a process together with that of its descendants.
            _, status, used = os.wait4(process.pid, 0)
        wall_ms = (time.perf_counter() - started) * 1000
        limit.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    printed = log.read_text(errors="replace")
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {printed[-2000:]}")
    return Usage(wall_ms, (used.ru_utime + used.ru_stime) * 1000, memory.peak_mb), printed
