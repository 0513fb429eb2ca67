"""Switching branches with real git: the way back executes nothing, whoever owns the state by then.

Breaks that were caught: a deleted task takes what is remembered of it along; a new mtime counts as a change.
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.app.conftest import Project
from tests.app.test_gc import did, opened
from tests.scenarios.harness import build, compare_with_clean, write

from relspec.app.glance import status
from relspec.core.layout import Layout

MAIN: Mapping[str, str | None] = {
    ".gitignore": "state/\n",
    "data/orders.csv": "id,day,amount\n1,1,10\n2,1,20\n3,2,5\n",
    "tasks/daily.sql": "select day, sum(amount) as revenue from orders group by day\n",
    "tasks/total.sql": "select sum(revenue) as total from daily\n",
    "tasks/gone.sql": "select count(*) as n from orders\n",
    "tasks/best.py": """
from relspec import task

@task
def best(ctx):
    return ctx.table("daily").order_by("revenue").limit(1)
""",
}
OTHER: Mapping[str, str | None] = {
    "data/orders.csv": "id,day,amount\n1,1,10\n2,1,20\n3,2,7\n4,3,1\n",
    "tasks/daily.sql": "select day, sum(amount) * 2 as revenue from orders group by day\n",
    "tasks/gone.sql": None,
    "tasks/extra.sql": "select max(revenue) as m from daily\n",
}


def git(root: Path, *words: str) -> None:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *words]
    subprocess.run(command, cwd=root, check=True, capture_output=True, timeout=60)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    write(root, dict(MAIN))
    git(root, "init", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-m", "main")
    git(root, "checkout", "-b", "other")
    write(root, dict(OTHER))
    git(root, "add", "-A")
    git(root, "commit", "-m", "other")
    git(root, "checkout", "main")
    return root


async def test_the_second_switch_of_branches_and_every_later_one_executes_nothing(repository: Path) -> None:
    async with opened(repository) as workspace:
        assert did(await build(workspace)) == (["best", "daily", "gone", "total"], [])
        git(repository, "checkout", "other")
        assert did(await build(workspace)) == (["best", "daily", "extra", "total"], [])
        git(repository, "checkout", "main")
        assert did(await build(workspace)) == ([], ["best", "daily", "gone", "total"])
    async with opened(repository) as workspace:
        git(repository, "checkout", "other")
        assert did(await build(workspace)) == ([], ["best", "daily", "extra", "total"])
        await workspace.collect(dry=False)
        git(repository, "checkout", "main")
        assert did(await build(workspace)) == ([], ["best", "daily", "gone", "total"]), "gc keeps what is recent"
        git(repository, "checkout", "other")
        git(repository, "checkout", "main")
        assert did(await build(workspace)) == ([], []), "there and back between two looks is no change"
    await compare_with_clean(repository, repository.with_name("clean"), set())
    assert [line["state"] for line in status(Layout(repository), [])[1]["tasks"]] == ["fresh"] * 4


def test_a_daemon_takes_a_switch_of_branches_as_one_change(repository: Path) -> None:
    project = Project(repository)
    project.start()
    try:
        for branch, executed, restored in (
            ("other", ["best", "daily", "extra", "total"], []),
            ("main", [], ["best", "daily", "gone", "total"]),
            ("other", [], ["best", "daily", "extra", "total"]),
        ):
            git(repository, "checkout", branch)
            assert did(project.run("build")[1]) == (executed, restored), branch
    finally:
        project.stop()


async def test_after_a_cutoff_nothing_looks_stale_to_status_without_a_daemon(repository: Path) -> None:
    async with opened(repository) as workspace:
        await build(workspace)
        write(repository, {"data/orders.csv": "id,day,amount\n3,2,5\n2,1,20\n1,1,10\n"})
        write(repository, {"tasks/daily.sql": "select day, sum(amount) as revenue from orders group by 1\n"})
        assert did(await build(workspace)) == ([], [])
    assert [line["state"] for line in status(Layout(repository), [])[1]["tasks"]] == ["fresh"] * 4
