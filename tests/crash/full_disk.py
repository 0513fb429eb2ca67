"""A file system that is full, with a daemon on it: run in a mount namespace of its own, with the folder to mount over.

Prints one line of JSON for each step; what they have to be is for `test_full_disk.py` to say.
"""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.life.living import Living, run, wait_for

_SIZE = "24m"
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
    # What the daemon says goes where there is room.
    with Living(root, folder.with_name("daemon.log")) as living:
        living.ready()
        _tell("whole", *run(root, "show", "made", "-n", "1"))
        _fill(folder / "filler")
        made.write_text(_query(2))
        _tell("full", *run(root, "status", "--sync"))
        _tell("shown while full", *run(root, "show", "made", "-n", "1"))
        (folder / "filler").unlink()
        wait_for(lambda: run(root, "status", "--sync")[0] == 0, "the daemon to go on")
        _tell("healed", *run(root, "show", "made", "-n", "1"))
        _tell("lives", int(living.process.poll() is None), {})
        living.process.terminate()
        _tell("ended", living.process.wait(), {"traceback": "Traceback" in living.said()})


def _query(number: int) -> str:
    return f"select i, {number} as version, md5(i::varchar) as text from range({_ROWS}) r(i) order by i\n"


def _fill(path: Path) -> None:
    """Leave next to nothing."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    os.truncate(path, path.stat().st_size - _LEFT_BYTES)


def _tell(step: str, code: int, document: dict[str, Any]) -> None:
    print(json.dumps({"step": step, "code": code, **document}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
