"""A Python file is loaded, and a builder called, where its text does not prove that it gives what it gave."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.app.conftest import in_one_loop, opened
from tests.scenarios.harness import build, write

from relspec.app.workspace import Workspace
from relspec.core.work import Loaded
from relspec.edges.loader.client import Session

TWO = """\
from helper import N
from relspec import task

@task
def a(ctx):
    s = ctx.table("s")
    return s.select(x=s.x + N)

@task
def b(ctx):
    s = ctx.table("s")
    return s.select(x=s.x * N)
"""
FIRST: dict[str, str | None] = {"data/s.parquet": "select 1 as x", "tasks/two.py": TWO, "helper.py": "N = 2\n"}

pytestmark = pytest.mark.usefixtures("lent")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, dict(FIRST))
    return tmp_path


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are loaded, and the tasks whose builders are called."""
    found: list[str] = []
    load, call = Session.load, Session.build

    async def loading(self: Session, path: str) -> object:
        found.append(path)
        return await load(self, path)

    async def calling(self: Session, spec: object, schemas: object) -> object:
        found.append(spec.name)  # type: ignore[attr-defined]
        return await call(self, spec, schemas)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "load", loading)
    monkeypatch.setattr(Session, "build", calling)
    return found


async def after(workspace: Workspace, called: list[str], files: Mapping[str, str | None]) -> list[str]:
    """Save some files and build: what was called."""
    called.clear()
    write(workspace.world.layout.root, dict(files))
    await build(workspace)
    # A helper beside the task folders is found by loading who imports it, and that once more.
    return sorted(set(called))


@in_one_loop
async def test_a_comment_calls_nothing_and_moves_the_rows(root: Path, called: list[str]) -> None:
    async with opened(root) as workspace:
        assert await after(workspace, called, {}) == ["a", "b", "tasks/two.py"]
        assert await after(workspace, called, {"tasks/two.py": f"# Two.\n{TWO}"}) == []
        assert {t: spec.line for t, spec in workspace.world.catalog.by_name.items()} == {"a": 5, "b": 10}
        assert await after(workspace, called, {"helper.py": "N = 2  # Two.\n"}) == []
        assert await after(workspace, called, {"helper.py": "N = 3  # Two.\n"}) == ["a", "b", "tasks/two.py"]
    async with opened(root) as workspace:
        assert await after(workspace, called, {}) == []


@in_one_loop
async def test_a_body_calls_its_own_builder(root: Path, called: list[str]) -> None:
    async with opened(root) as workspace:
        await after(workspace, called, {})
        other = TWO.replace("s.x * N", "s.x * N + 1")
        assert await after(workspace, called, {"tasks/two.py": other}) == ["b", "tasks/two.py"]
        assert await after(workspace, called, {"tasks/two.py": TWO}) == ["b", "tasks/two.py"]
        # What a helper holds one body could change, and the other read.
        assert await after(workspace, called, {"helper.py": "N = 2\nSEEN = []\n"}) == ["a", "b", "tasks/two.py"]
        assert await after(workspace, called, {"tasks/two.py": other}) == ["a", "b", "tasks/two.py"]


@in_one_loop
async def test_what_may_see_its_text_is_loaded(root: Path, called: list[str]) -> None:
    async with opened(root) as workspace:
        await after(workspace, called, {"helper.py": "import inspect\nN = 2\n"})
        assert await after(workspace, called, {"tasks/two.py": f"# Two.\n{TWO}"}) == ["a", "b", "tasks/two.py"]
        # Of what is installed nothing is known.
        await after(workspace, called, {"helper.py": "import msgspec\nN = 2\n"})
        assert await after(workspace, called, {"tasks/two.py": TWO}) == ["a", "b", "tasks/two.py"]


@in_one_loop
async def test_a_new_file_may_bear_the_name_of_an_import(root: Path, called: list[str]) -> None:
    async with opened(root) as workspace:
        await after(workspace, called, {})
        both = {"tasks/two.py": f"# Two.\n{TWO}", "helper/__init__.py": "N = 4\n"}
        assert await after(workspace, called, both) == ["a", "b", "tasks/two.py"]
        module = workspace.world.modules["tasks/two.py"]
        assert isinstance(module, Loaded)
        assert [use.path for use in module.files] == ["tasks/two.py", "helper/__init__.py"]


@in_one_loop
async def test_a_task_that_is_not_at_rest_is_built(root: Path, called: list[str]) -> None:
    broken = TWO.replace("s.x * N", "s.y * N")
    async with opened(root) as workspace:
        await after(workspace, called, {"tasks/two.py": broken})
        assert await after(workspace, called, {"tasks/two.py": f"# Two.\n{broken}"}) == ["b"]
        (problem,) = (r.problem for r in workspace.world.records.values() if r.problem is not None)
        assert (problem.line, problem.code.value) == (13, "unknown-column")


@in_one_loop
async def test_a_task_whose_query_failed_is_built_and_tried(root: Path, called: list[str]) -> None:
    failing = TWO.replace("s.x * N", 's.x.cast("string").concat("!").cast("int64")')
    async with opened(root) as workspace:
        await after(workspace, called, {"tasks/two.py": failing})
        assert await after(workspace, called, {"tasks/two.py": f"# Two.\n{failing}"}) == ["b"]
        assert {t: problem.line for t, (_, problem) in workspace.world.failures.items()} == {"b": 10}


@in_one_loop
async def test_nothing_is_taken_over_from_a_life_whose_texts_are_gone(root: Path, called: list[str]) -> None:
    async with opened(root) as workspace:
        await after(workspace, called, {})
    async with opened(root) as workspace:
        assert await after(workspace, called, {"tasks/two.py": f"# Two.\n{TWO}"}) == ["a", "b", "tasks/two.py"]
