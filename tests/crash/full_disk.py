"""A file system that is full, with a daemon on it: run in a mount namespace of its own, with the folder to mount over.

Prints one line of JSON for each step; what they have to be is for `test_full_disk.py` to say.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_SIZE = "24m"
_PATIENCE_S = 40.0
#: The tables that a save makes are larger than what is left.
_ROWS = 20_000
_LEFT_BYTES = 40_000


def main(folder: Path) -> None:
    """Fill the disk under a daemon, save, look, make room, and look again."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)], check=True)
    root = folder / "project"
    (root / "tasks").mkdir(parents=True)
    made = root / "tasks" / "made.sql"
    made.write_text(_query(1))
    with subprocess.Popen(_command(root, "daemon"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as daemon:
        assert daemon.stderr is not None
        # Asked earlier, the command would own the state itself.
        _until(lambda: _asked(root, "status")[1]["daemon"]["running"])
        _until(lambda: _asked(root, "status", "--sync")[0] == 0)
        _tell("whole", _asked(root, "show", "made", "-n", "1"))
        _fill(folder / "filler")
        made.write_text(_query(2))
        _tell("full", _asked(root, "status", "--sync"))
        _tell("shown while full", _asked(root, "show", "made", "-n", "1"))
        (folder / "filler").unlink()
        _until(lambda: _asked(root, "status", "--sync")[0] == 0)
        _tell("healed", _asked(root, "show", "made", "-n", "1"))
        _tell("lives", (int(daemon.poll() is None), {}))
        daemon.terminate()
        errors = daemon.stderr.read().decode()
        _tell("ended", (daemon.wait(), {"traceback": "Traceback" in errors}))


def _query(number: int) -> str:
    return f"select i, {number} as version, md5(i::varchar) as text from range({_ROWS}) r(i) order by i\n"


def _fill(path: Path) -> None:
    """Leave next to nothing."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    os.truncate(path, path.stat().st_size - _LEFT_BYTES)


def _command(root: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "relspec.ui.cli", *words, "--project", str(root)]


def _asked(root: Path, *words: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run([*_command(root, *words), "--json"], capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else {
        "said": done.stdout + done.stderr
    }


def _until(holds: Any) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.2)


def _tell(step: str, answer: tuple[int, dict[str, Any]]) -> None:
    print(json.dumps({"step": step, "code": answer[0], **answer[1]}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
