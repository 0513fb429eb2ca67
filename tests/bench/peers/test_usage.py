"""The cost of a command line is that of all its processes, and its failure is an error with its last words."""

import os
import sys
from pathlib import Path

import pytest
from tests.bench.peers.usage import run

BUSY = "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
LARGE = "import time; kept = bytearray(60_000_000); time.sleep(0.2)"


def started(code: str) -> list[str]:
    return [
        sys.executable,
        "-c",
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], check=True)",
    ]


def test_cpu_and_memory_of_a_child_count(tmp_path: Path) -> None:
    """Seen to fail with the CPU of the first process alone, and with its memory alone."""
    usage, _ = run(started(BUSY), tmp_path, dict(os.environ))
    assert 200 <= usage.cpu_ms < 1000
    usage, _ = run(started(LARGE), tmp_path, dict(os.environ))
    assert usage.wall_ms >= 200
    assert 60 <= usage.peak_mb < 150


def test_a_failure_tells_what_the_command_said_last(tmp_path: Path) -> None:
    """Seen to fail when the status of the process was not looked at."""
    with pytest.raises(RuntimeError, match="ended with 3: no such model"):
        run([sys.executable, "-c", "print('no such model'); raise SystemExit(3)"], tmp_path, dict(os.environ))
