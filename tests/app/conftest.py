"""A project in a temporary folder, the installed command run on it, and conditions that are waited for."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest
from tests.scenarios.harness import Children

from relspec.app import local
from relspec.app.workspace import Workspace, open_workspace
from relspec.core.layout import Layout

COMMAND = [str(Path(sys.executable).with_name("relspec-watch"))]
DEADLINE_S = 30.0
#: For tests that share what their module started.
in_one_loop = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def lent(children: Children) -> Iterator[None]:
    """Workspaces that this test opens use the children of its module: starting them is what would cost."""
    with children.lent():
        yield


@asynccontextmanager
async def opened(root: Path) -> AsyncIterator[Workspace]:
    """Open a project; nobody hears of its progress."""
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        yield workspace


class Project:
    """A project folder with the installed command."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.daemon: subprocess.Popen[str] | None = None
        self.log = root.parent / "daemon.log"

    def save(self, name: str, text: str) -> None:
        """Save as most editors do: a new file, renamed into place."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.new")
        aside.write_text(text)
        aside.replace(path)

    def data(self, name: str, query: str) -> None:
        """Write a Parquet file from a query."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.new")
        with duckdb.connect() as connection:
            connection.execute(f"copy ({query}) to '{aside}' (format parquet)")
        aside.replace(path)

    def run(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Run a command with --json: its exit code and its document."""
        done = subprocess.run(
            [*COMMAND, *words, "--project", str(self.root), "--json"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, json.loads(done.stdout)

    async def ask(self, command: str, **arguments: Any) -> tuple[int, dict[str, Any]]:
        """Answer as `run` does where no daemon lives, but in this process, so that children can be lent."""
        asked = {"tasks": [], "file": None, **arguments}
        code, document = await local._answer(Layout(self.root), command, asked, pytest.fail)
        return code, json.loads(json.dumps(document))

    def start(self) -> None:
        """Start the daemon and wait until all is ready for the first time."""
        with self.log.open("w") as log:
            command = [*COMMAND, "daemon", "--project", str(self.root)]
            self.daemon = subprocess.Popen(command, stdout=log, stderr=log, text=True)
        self.wait(lambda: "ready: " in self.log.read_text(), "the daemon to be ready")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the daemon a signal; its exit code."""
        assert self.daemon is not None
        self.daemon.send_signal(number)
        code = self.daemon.wait(DEADLINE_S)
        self.daemon = None
        return code

    def children(self) -> list[psutil.Process]:
        """The daemon and all processes below it."""
        assert self.daemon is not None
        own = psutil.Process(self.daemon.pid)
        return [own, *own.children(recursive=True)]

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition, with a deadline."""
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            alive = self.daemon is None or self.daemon.poll() is None
            log = self.log.read_text() if self.log.exists() else ""
            assert alive, f"the daemon ended: {log}"
            assert time.monotonic() < deadline, f"waited in vain for {what}: {log}"
            time.sleep(0.005)

    def table(self, name: str) -> list[tuple[Any, ...]]:
        """All rows of a table, read from the published file of views; what is no number or text, as text."""
        with duckdb.connect(self.root / "state" / "relspec.duckdb", read_only=True) as connection:
            rows = connection.execute(f'select * from "{name}" order by all').fetchall()
        return [tuple(row) for row in json.loads(json.dumps(rows, default=str))]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    (tmp_path / "project").mkdir()
    made = Project(tmp_path / "project")
    made.data(
        "data/orders.parquet", "select i as id, i % 2 as day, i * 10 as amount, 'n' || i as note from range(4) t(i)"
    )
    made.save("tasks/daily.sql", "select day, sum(amount) as revenue, count(*) as n from orders group by day\n")
    made.save("tasks/total.sql", "select sum(revenue) as total from daily\n")
    yield made
    if made.daemon is not None:
        made.daemon.kill()
        made.daemon.wait(DEADLINE_S)
