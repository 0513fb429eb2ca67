"""What a command starts: no child before it is needed, except that Ibis is imported at once where there is Python."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tests.app.conftest import opened
from tests.scenarios.harness import build

from relspec.edges.engine.pool import EnginePool
from relspec.edges.loader.client import ForkingLoader

PYTHON = "from relspec import task\n\n@task\ndef one(ctx):\n    return ctx.table('numbers')\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "numbers.csv").write_text("a\n1\n")
    (tmp_path / "tasks").mkdir()
    return tmp_path


@pytest.mark.parametrize(("name", "text"), [("one.sql", "select * from numbers\n"), ("deep/one.py", PYTHON)])
async def test_the_loader_starts_at_once_where_there_is_python_and_else_never(root: Path, name: str, text: str) -> None:
    path = root / "tasks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    async with opened(root) as workspace:
        assert isinstance(workspace.loader, ForkingLoader)
        assert (workspace.loader.pid is not None) == name.endswith(".py")
        document = await build(workspace)
        assert document["executed"] == ["one"]
        assert (workspace.loader.pid is not None) == name.endswith(".py")


async def test_engines_start_at_once_for_the_first_compilation_of_many_tasks(root: Path) -> None:
    async with opened(root) as workspace:
        assert workspace.tools.engines.pids() == frozenset()  # type: ignore[attr-defined]
    for n in range(40):
        (root / "tasks" / f"t{n}.sql").write_text("select * from numbers\n")
    async with opened(root) as workspace:
        # There is a state by now, of which nobody knows how much is to be done.
        assert workspace.tools.engines.pids() == frozenset()  # type: ignore[attr-defined]
    shutil.rmtree(root / "state")
    async with opened(root) as workspace:
        engines = workspace.tools.engines
        assert isinstance(engines, EnginePool)
        assert engines._starting == workspace.world.settings.limits.workers
        document = await build(workspace)
        assert len(document["executed"]) == 40
        assert len(engines.pids()) == workspace.world.settings.limits.workers


async def test_python_that_comes_after_the_start_finds_a_loader(root: Path) -> None:
    async with opened(root) as workspace:
        (root / "tasks" / "one.py").write_text(PYTHON)
        document = await build(workspace)
        assert document["executed"] == ["one"]


CALLED = """
import ibis
from relspec import task

@ibis.udf.scalar.python
def twice(a: int) -> int:
    return 2 * a

@task
def one(ctx):
    numbers = ctx.table("numbers")
    return numbers.select(b=twice(numbers.a))
"""


async def test_what_a_start_finds_to_call_functions_is_expected(root: Path) -> None:
    """The first save after it would take 0.7 s more."""
    (root / "tasks" / "one.py").write_text(CALLED)
    async with opened(root) as workspace:
        document = await build(workspace)
        assert document["executed"] == ["one"]
    async with opened(root) as workspace:
        document = await build(workspace)
        assert (document["executed"], document["problems"]) == ([], [])
        workspace.prepare()
        assert isinstance(workspace.loader, ForkingLoader)
        parent = psutil.Process(workspace.loader.pid)
        async with asyncio.timeout(20):
            while not any("_duckdb" in m.path for m in parent.memory_maps()):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)


def test_a_daemon_loads_none_of_what_its_children_are_for() -> None:
    # A library takes in pandas and numpy where they are installed: half a second of each start, and 100 MB.
    heavy = "numpy pandas pyarrow duckdb ibis sqlglot"
    script = f"import sys, relspec.app.serving; print(*(m for m in {heavy!r}.split() if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
