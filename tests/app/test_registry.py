"""Task files come from the folders of the settings and from installed packages."""

import sys
from pathlib import Path

import pytest
from tests.app.conftest import Project, in_one_loop, opened
from tests.scenarios.harness import build, write

from relspec.app.documents import build_document
from relspec.app.registry import registry_of
from relspec.app.workspace import open_workspace
from relspec.core.layout import Layout
from relspec.core.settings import Settings


def test_files_below_the_task_folders_are_task_files() -> None:
    registry = registry_of(Settings(tasks=("tasks", "more/deep/")), {"/site/pack/tasks.py": "c"})
    held = ["tasks/a.sql", "tasks/x/b.py", "more/deep/c.sql", "/site/pack/tasks.py"]
    others = ["tasks/readme.md", "tasks.py", "more/d.sql", "data/e.csv", "/site/pack/other.py"]
    assert [registry.holds(path) for path in held + others] == [True] * 4 + [False] * 5


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that offers a task file."""
    site = tmp_path / "site"
    info = site / "pack-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pack\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[relspec.tasks]\npack = pack_tasks\n")
    (info / "RECORD").write_text("pack_tasks.py,,\n")
    source = 'from relspec import task\n\n@task\ndef offered(ctx):\n    return ctx.table("orders").select("id")\n'
    (site / "pack_tasks.py").write_text(source)
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    return site / "pack_tasks.py"


async def test_a_task_of_an_installed_package_is_built_and_goes_with_the_package(
    package: Path, project: Project
) -> None:
    for name, gone in (("offered", False), ("", True)):
        if gone:
            package.unlink()
            (package.parent / "pack-1.0.dist-info" / "RECORD").write_text("")
        async with open_workspace(Layout(project.root), lambda _: None) as workspace:
            report = await workspace.build(await workspace.look_all())
            document = build_document(workspace.world, [report.record], report.problems, None)
            assert document["problems"] == []
            assert document["executed"] == ([] if gone else ["daily", "offered", "total"])
            assert ("offered" in workspace.world.catalog.by_name) is bool(name)


@in_one_loop
@pytest.mark.usefixtures("lent")
async def test_files_of_another_task_folder_import_each_other_as_soon_as_it_is_set(tmp_path: Path) -> None:
    task = "from helper import N\nfrom relspec import task\n\n@task\ndef two(ctx):\n    {body}\n"
    task = task.format(body="return ctx.table('one').mutate(n=N)")
    write(tmp_path, {"tasks/one.sql": "select 1 as x\n", "more/helper.py": "N = 2\n", "more/two.py": task})
    async with opened(tmp_path) as workspace:
        assert (await build(workspace))["executed"] == ["one"]
        write(tmp_path, {"watch.toml": 'tasks = ["tasks", "more"]\n'})
        document = await build(workspace)
        assert (document["executed"], document["problems"]) == (["two"], [])
