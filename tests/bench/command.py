"""Commands as whole processes, from their start to their end."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: As users start it.
PROGRAM = str(Path(sys.executable).with_name("relspec-watch"))


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process took, those that it started and waited for included, and what it printed."""

    wall_ms: float
    cpu_ms: float
    printed: bytes

    @property
    def document(self) -> dict[str, Any]:
        """What a command printed with `--json`."""
        found: dict[str, Any] = json.loads(self.printed)
        return found


def run(*words: str) -> Ended:
    """Run one process to its end."""
    started = time.perf_counter()
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = (time.perf_counter() - started) * 1000
    process.returncode = os.waitstatus_to_exitcode(status)
    return Ended(wall, (usage.ru_utime + usage.ru_stime) * 1000, printed)


def relspec(root: Path, *words: str) -> Ended:
    """Run a command on a project."""
    return run(PROGRAM, *words, "--project", str(root), "--json")


def bare_python() -> Ended:
    """Start Python for nothing: what every command in Python costs at least."""
    return run(sys.executable, "-c", "pass")
