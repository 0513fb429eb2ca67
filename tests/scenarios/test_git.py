"""Branch switches by git itself: what was built on a branch is restored when it comes back, whatever git rewrites.

Caught: a decision that never restores, and one that leaves alone what is below a restored table.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.scenarios.harness import Children, build, compare_with_clean, write

from relspec.app.documents import Document
from relspec.app.workspace import open_workspace
from relspec.core.layout import Layout

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAIN: dict[str, str | None] = {
    "data/cities.csv": "name,people\nOslo,700000\nBern,130000\n",
    "tasks/limits.py": "LEAST = 200000\n",
    "tasks/large.py": """from limits import LEAST
from relspec import task

@task
def large(ctx):
    cities = ctx.table("cities")
    return cities.filter(cities.people > LEAST)
""",
    "tasks/prepared.sql": "-- relspec: kind=view\nselect name, people from cities\n",
    "tasks/total.sql": "select sum(people) as people from prepared\n",
    "tasks/above.sql": "select people + 1 as people from total\n",
    "tasks/n_large.sql": "select count(*) as n from large\n",
    "tasks/names.sql": "select name from cities\n",
    "tasks/only_here.sql": "select max(name) as name from names\n",
    ".gitignore": "state/\n",
}
OTHER: dict[str, str | None] = {
    "data/cities.csv": "name,people\nOslo,700001\nBern,130000\n",
    "tasks/limits.py": "LEAST = 100000\n",
    "tasks/prepared.sql": "-- relspec: kind=view\nselect name, people * 2 as people from cities -- doubled\n",
    "tasks/only_here.sql": None,
    "tasks/only_there.sql": "select min(name) as name from names\n",
}
TASKS = ["above", "large", "n_large", "names", "only_here", "total"]
NOTHING: dict[str, list[str]] = {"recompiled": [], "executed": [], "restored": [], "cut_off": [], "problems": []}


@pytest.fixture(autouse=True)
def lent(children: Children) -> Iterator[None]:
    with children.lent():
        yield


def git(root: Path, *words: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, *words], cwd=root, check=True, capture_output=True)


def repository(root: Path) -> None:
    """Two branches, `main` and `other`, with `main` checked out."""
    root.mkdir()
    git(root, "init")
    for branch, files in (("main", MAIN), ("other", OTHER)):
        git(root, "checkout", "-b", branch)
        write(root, files)
        git(root, "add", "--all")
        git(root, "commit", "-m", branch)
    git(root, "checkout", "main")


def lists(document: Document) -> Document:
    return {key: document[key] for key in NOTHING}


async def test_a_switch_to_a_branch_and_back_executes_what_differs_once_and_then_nothing(tmp_path: Path) -> None:
    root = tmp_path / "project"
    repository(root)
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        first = await build(workspace)
        assert (first["executed"], first["problems"]) == (TASKS, [])
        git(root, "checkout", "other")
        there = await build(workspace)
        assert lists(there) == {
            "recompiled": ["large", "only_there", "prepared", "total"],
            "executed": ["above", "large", "n_large", "only_there", "total"],
            "restored": [],
            "cut_off": ["names", "prepared"],
            "problems": [],
        }
        git(root, "checkout", "-")
        back = await build(workspace)
        assert lists(back) == {
            "recompiled": ["large", "only_here", "prepared", "total"],
            "executed": [],
            "restored": ["above", "large", "n_large", "only_here", "total"],
            "cut_off": ["names", "prepared"],
            "problems": [],
        }
        git(root, "checkout", "other")
        again = await build(workspace)
        assert (again["executed"], again["restored"]) == ([], there["executed"])
    await compare_with_clean(root, tmp_path / "clean", set())


async def test_a_switch_and_back_between_two_builds_is_as_if_nothing_had_been(tmp_path: Path) -> None:
    root = tmp_path / "project"
    repository(root)
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        await build(workspace)
        git(root, "checkout", "other")
        git(root, "checkout", "-")
        assert lists(await build(workspace)) == NOTHING
    git(root, "checkout", "other")
    git(root, "checkout", "-")
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        assert lists(await build(workspace)) == NOTHING


async def test_a_branch_is_restored_by_another_process_too(tmp_path: Path) -> None:
    root = tmp_path / "project"
    repository(root)
    for branch in ("main", "other"):
        git(root, "checkout", branch)
        async with open_workspace(Layout(root), lambda _: None) as workspace:
            assert (await build(workspace))["executed"] != []
    git(root, "checkout", "main")
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        document = await build(workspace)
    assert (document["executed"], document["problems"]) == ([], [])
    assert document["restored"] == ["above", "large", "n_large", "only_here", "total"]
