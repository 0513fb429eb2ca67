"""A project with a real daemon for rogues to run in, watched from outside.

Every process of a yard carries a mark in its environment, so what is left behind is found wherever it went, and nothing
else is ever touched.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import duckdb
import psutil
from tests.rogues.rogues import Rogue

from relspec.core.layout import Layout
from relspec.edges.ask import ask

DEADLINE_S = 60.0
_MARK = "RELSPEC_YARD"
#: The honest neighbours: one in SQL, one with a Python function, one that needs its surroundings as they should be.
NEIGHBOURS = {
    "tasks/plain.sql": "select sum(amount) as total from orders\n",
    "tasks/mild.py": """
import os
import ibis
from relspec import task

@ibis.udf.scalar.python
def plus_one(x: int) -> int:
    return x + len("a")

@task
def mild(ctx):
    orders = ctx.table("orders")
    return orders.mutate(y=plus_one(orders.id))

@task
def settled(ctx):
    assert os.environ["PATH"] and os.path.exists("tasks/plain.sql") and os.umask(0o022) != 0o777
    return ctx.table("orders").limit(len("abcd"))
""",
}


class Yard:
    """One project; the daemon runs while it is open as a context manager."""

    def __init__(self, root: Path, limits: Mapping[str, float]) -> None:
        self.root = root
        self.layout = Layout(root)
        self.log = root.parent / f"{root.name}.log"
        self._mark = uuid.uuid4().hex
        self.save("watch.toml", "[limits]\n" + "".join(f"{name} = {value}\n" for name, value in limits.items()))
        for path, text in NEIGHBOURS.items():
            self.save(path, text)
        (root / "data").mkdir()
        with duckdb.connect() as connection:
            query = "select i as id, i * 10 as amount from range(4) t(i)"
            connection.execute(f"copy ({query}) to '{root}/data/orders.parquet'")

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "relspec.ui.cli", "daemon", "--project", str(self.root)]
        with self.log.open("w") as log:
            self.daemon = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, _MARK: self._mark})
        self.until(lambda: "ready: " in self.log.read_text(), "the daemon to be ready")
        assert self.build()["problems"] == []
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.daemon.wait(10)
        for pid in self.marked():
            os.kill(pid, signal.SIGKILL)
        self.daemon.wait(10)

    def save(self, path: str, text: str) -> None:
        """Save as most editors do: a new file, renamed into place."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = place.with_name(f".{place.name}.new")
        aside.write_text(text)
        aside.replace(place)

    def let_in(self, rogues: Iterable[Rogue]) -> None:
        """Save the files of rogues."""
        for rogue in rogues:
            self.save(rogue.path, rogue.text)

    def repair(self, rogues: Iterable[Rogue]) -> None:
        """Save them as their authors should have written them."""
        for rogue in rogues:
            self.save(rogue.path, rogue.repaired)

    def build(self, patience_s: float = DEADLINE_S) -> dict[str, Any]:
        """Ask the daemon for a build: its document."""
        return self._ask("build", {"tasks": [], "file": None, "again": False}, patience_s)

    def status(self) -> dict[str, Any]:
        """Ask the daemon how all is."""
        return self._ask("status", {"tasks": [], "sync": False}, DEADLINE_S)

    def children(self) -> list[psutil.Process]:
        """All processes below the daemon."""
        return psutil.Process(self.daemon.pid).children(recursive=True)

    def marked(self) -> list[int]:
        """All processes that this yard's daemon, or anything that it started, has started."""
        wanted = f"{_MARK}={self._mark}".encode()
        found = []
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError, ValueError):
                if wanted in Path(f"/proc/{int(name)}/environ").read_bytes().split(b"\0"):
                    found.append(int(name))
        return found

    def at_rest(self) -> bool:
        """Whether nothing runs but the daemon, its engines and its loader, and nothing but these is open or written.

        Of the loader there is the parent, and a child at most, which waits for the next save.
        """
        kinds = sorted(_kind(process) for process in self.children())
        strays = set(self.marked()) - {self.daemon.pid} - {process.pid for process in self.children()}
        return not strays and kinds.count("loader") in (1, 2) and "other" not in kinds and not self.temporaries()

    def n_loaders(self) -> int:
        """The processes of the loader: its parent, and the child that waits where there is one."""
        return sum(_kind(process) == "loader" for process in self.children())

    def temporaries(self) -> list[str]:
        """Files of work that is over: what engines write for the time of a request, and what they spill."""
        names = [path.name for path in self.layout.temporary.iterdir()]
        return [name for name in names if name.endswith(".parquet") or (name.endswith(".spill") and self._used(name))]

    def descriptors(self) -> int:
        """How many descriptors the daemon has open."""
        return psutil.Process(self.daemon.pid).num_fds()

    def until(self, condition: Callable[[], bool], what: str, patience_s: float = DEADLINE_S) -> None:
        """Wait for a condition, with a deadline."""
        deadline = time.monotonic() + patience_s
        while not condition():
            assert self.daemon.poll() is None, f"the daemon ended: {self.log.read_text()[-4000:]}"
            assert time.monotonic() < deadline, f"waited in vain for {what}: {self.log.read_text()[-4000:]}"
            time.sleep(0.01)

    def _used(self, name: str) -> bool:
        return any((self.layout.temporary / name).iterdir())

    def _ask(self, command: str, arguments: Mapping[str, Any], patience_s: float) -> dict[str, Any]:
        reply = ask(self.layout, command, arguments, patience_s)
        assert reply is not None, f"no daemon answers: {self.log.read_text()[-4000:]}"
        return reply[1]


def _kind(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.NoSuchProcess):
        words = " ".join(process.cmdline())
        if "relspec.edges.engine" in words:
            return "engine"
        if "relspec.app.loader_process" in words:
            return "loader"
        return "other" if words else "gone"
    return "gone"
