"""A build that is killed, or refused by the system, at one chosen system call; and what has to hold afterwards.

`strace` counts the calls of the process that owns the state, its main thread alone: that is where commits, renames and
links are made. Or it follows the children, and each process meets the fault at its own call of that number. Afterwards
readers see one whole revision, the earlier or the later one, every table that they open is whole, and a further build
gives what a clean build of the second version gives.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from relspec.core.layout import Layout

#: The calls that change something on disk.
MUTATING = (
    "write,pwrite64,writev,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,fsync,fdatasync,"
    "ftruncate,mkdir,mkdirat,rmdir,chmod,fchmod,fchmodat"
)
BEFORE = {
    "data/orders.csv": "id,amount\n1,10\n2,20\n3,5\n",
    "tasks/total.sql": "select sum(amount) as total from orders\n",
    "tasks/big.sql": "-- relspec: kind=view\nselect id, amount from orders where amount > 7\n",
    "tasks/most.py": (
        "from relspec import task\n\n@task\ndef most(ctx):\n    return ctx.table('big').order_by('id').limit(1)\n"
    ),
    "tasks/old.sql": "select count(*) as n from orders\n",
}
AFTER: dict[str, str | None] = {
    "data/orders.csv": "id,amount\n1,10\n2,20\n4,50\n",
    "tasks/total.sql": "select sum(amount) as total, max(amount) as most from orders\n",
    "tasks/new.sql": "select total * 2 as twice from total\n",
    "tasks/old.sql": None,
}
Tables = dict[str, list[tuple[object, ...]]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one fault: whether it struck, how long the next build took, and what was wrong."""

    struck: bool
    seconds: float
    wrong: str | None


class Trial:
    """A project in two versions; each fault strikes the build of the second."""

    def __init__(self, folder: Path) -> None:
        self._root = folder / "project"
        self._kept = folder / "kept"
        self._begin()
        self.before = self._built()
        shutil.copytree(self._root, self._kept, symlinks=True)
        self._begin()
        self._write(AFTER)
        self.after = self._built()

    def calls(self) -> int:
        """How many mutating calls the build of the second version makes."""
        self._reset()
        log = self._kept.with_name("calls.txt")
        self._strace("-o", str(log), "-e", f"trace={MUTATING}")
        return sum(1 for line in log.read_text().splitlines() if "(" in line and not line.startswith(("---", "+++")))

    def strike(self, number: int, fault: str, *, children: bool = False) -> Outcome:
        """Let the call with this number meet a fault, as `strace` writes it: `signal=KILL`, or `error=ENOSPC`."""
        self._reset()
        follow = ("-f",) if children else ()
        done = self._strace(*follow, "-o", "/dev/null", "-e", f"inject={MUTATING}:{fault}:when={number}")
        told = done.stdout + done.stderr
        wrong = None
        if "Traceback" in told:
            wrong = f"a traceback: {told[-300:]}"
        seen = self._seen()
        if seen not in (self.before, self.after):
            wrong = wrong or f"readers see {seen}"
        torn = [n for n, rows in self._opened().items() if rows not in (self.before.get(n), self.after.get(n))]
        if torn:
            wrong = wrong or f"{torn} are no tables of either version"
        if done.returncode == 0 and seen != self.after:
            wrong = wrong or "what was acknowledged is lost"
        started = time.monotonic()
        try:
            now = self._built()
        except AssertionError as error:
            return Outcome(done.returncode != 0, time.monotonic() - started, wrong or str(error))
        seconds = time.monotonic() - started
        if now != self.after:
            wrong = wrong or f"the next build gives {now}"
        if any(rows != self.after.get(name) for name, rows in self._opened().items()):
            wrong = wrong or f"the next build leaves {self._opened()}"
        return Outcome(done.returncode != 0, seconds, wrong or next(self._left(), None))

    def _strace(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = ["strace", "-qq", *options, sys.executable, "-m", "relspec.ui.cli", "build", "--json"]
        words = [*command, "--project", str(self._root)]
        return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)

    def _built(self) -> Tables:
        command = [sys.executable, "-m", "relspec.ui.cli", "build", "--json", "--project", str(self._root)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, (
            f"the next build ends with {done.returncode}: {done.stdout[-300:]}{done.stderr[-300:]}"
        )
        assert json.loads(done.stdout)["ok"]
        return self._seen()

    def _seen(self) -> Tables:
        with duckdb.connect(str(Layout(self._root).views), read_only=True) as connection:
            names = connection.execute("select view_name from duckdb_views() where not internal").fetchall()
            return {
                name: sorted(connection.execute(f'select * from "{name}"').fetchall(), key=repr)
                for (name,) in names
                if not name.startswith("relspec_")
            }

    def _opened(self) -> Tables:
        """What lies under `tables/`, opened as users do it: without asking anybody."""
        found: Tables = {}
        with duckdb.connect() as connection:
            for path in Layout(self._root).tables.glob("*.parquet"):
                found[path.stem] = sorted(connection.execute(f"from '{path}'").fetchall(), key=repr)
        return found

    def _left(self) -> Iterator[str]:
        temporary = Layout(self._root).temporary
        left = [path.name for path in temporary.iterdir()] if temporary.exists() else []
        if left:
            yield f"temporary files are left: {left}"

    def _begin(self) -> None:
        """Write the first version, with no state."""
        shutil.rmtree(self._root, ignore_errors=True)
        self._write(BEFORE)

    def _reset(self) -> None:
        shutil.rmtree(self._root, ignore_errors=True)
        shutil.copytree(self._kept, self._root, symlinks=True)
        self._write(AFTER)

    def _write(self, files: "dict[str, str] | dict[str, str | None]") -> None:
        for name, text in files.items():
            path = self._root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink(missing_ok=True)
            else:
                path.write_text(text)
