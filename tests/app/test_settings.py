"""Settings are of the `watch.toml` that the tree shows, whatever became of that file while they were read.

The breaks that were planted and caught are in `tests/mutants/of_waiting.py` and `of_simulation.py`.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.harness import write

from relspec.app.trouble import problems_of
from relspec.app.workspace import Workspace, open_workspace
from relspec.core.errors import ConfigError
from relspec.core.layout import Layout
from relspec.core.settle import ChangeSet

TASKS: dict[str, str | None] = {"tasks/one.sql": "select 1 as a", "more/two.sql": "select 2 as a"}
BOTH = 'tasks = ["tasks", "more"]\n'
WRONG = "tasks = 1\n"


@asynccontextmanager
async def opened(root: Path, files: dict[str, str | None]) -> AsyncIterator[Workspace]:
    """A project with these files, opened and built."""
    write(root, files)
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        await built(workspace, await workspace.look_all())
        yield workspace


def read_in_turn(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, *texts: str) -> None:
    """Have one of `texts` in `watch.toml` at each time that it is read, and what was there before afterwards."""
    path, coming, read = workspace.world.layout.config, iter(texts), workspace.machine.config

    def config() -> bytes | None:
        text = next(coming, None)
        if text is None:
            return read()
        before = path.read_bytes() if path.exists() else None
        path.write_text(text)
        found = read()
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)
        return found

    monkeypatch.setattr(workspace.machine, "config", config)


async def looked(workspace: Workspace, *paths: str) -> ChangeSet:
    """Look at what some hints name."""
    return await workspace.look(frozenset(str(workspace.world.layout.root / path) for path in paths))


async def built(workspace: Workspace, changes: ChangeSet) -> list[str]:
    """The tasks that there are after a build."""
    await workspace.build(changes)
    return sorted(workspace.world.catalog.by_name)


async def test_settings_that_went_away_while_they_were_read_do_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the simulation."""
    async with opened(tmp_path, TASKS) as workspace:
        write(tmp_path, {"watch.toml": BOTH})
        read = workspace.machine.config

        def config() -> bytes | None:
            found = read()
            workspace.world.layout.config.unlink(missing_ok=True)
            return found

        monkeypatch.setattr(workspace.machine, "config", config)
        assert await built(workspace, await looked(workspace, "watch.toml")) == ["one", "two"]
        assert await built(workspace, await looked(workspace, "watch.toml")) == ["one"]


async def test_settings_that_were_there_for_the_moment_of_reading_do_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, {**TASKS, "watch.toml": "# 1\n"}) as workspace:
        read_in_turn(workspace, monkeypatch, BOTH)
        write(tmp_path, {"watch.toml": "# 2\n"})
        assert await built(workspace, await looked(workspace, "watch.toml")) == ["one", "two"]
        assert await built(workspace, await looked(workspace, "watch.toml")) == ["one"]
        assert not await looked(workspace, "watch.toml")


async def test_settings_that_were_wrong_for_the_moment_of_reading_are_told_of_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, {**TASKS, "watch.toml": BOTH}) as workspace:
        read_in_turn(workspace, monkeypatch, WRONG)
        write(tmp_path, {"watch.toml": f"{BOTH}# again\n"})
        await built(workspace, await looked(workspace, "watch.toml"))
        assert [p.path for p in problems_of(workspace.world)] == ["watch.toml"]
        found = await looked(workspace, "watch.toml")
        assert found.changed == ("watch.toml",), "a build has to tell that it is right now"
        assert await built(workspace, found) == ["one", "two"]
        assert problems_of(workspace.world) == ()


async def test_settings_that_moved_between_opening_and_the_first_look_hold(tmp_path: Path) -> None:
    write(tmp_path, {**TASKS, "watch.toml": BOTH})
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        assert await built(workspace, await workspace.look_all()) == ["one", "two"]
    write(tmp_path, {"watch.toml": ""})
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        # As it was at the end of the last life: no look finds it changed.
        write(tmp_path, {"watch.toml": BOTH})
        assert await built(workspace, await workspace.look_all()) == ["one", "two"]


async def test_a_look_that_is_cancelled_while_it_takes_settings_over_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, TASKS) as workspace:
        begun, go, scan = threading.Event(), threading.Event(), workspace.files.scan

        def slow(hints: frozenset[str] | None, *arguments: Any) -> Any:
            if hints is None:
                begun.set()
                assert go.wait(20)
            return scan(hints, *arguments)

        monkeypatch.setattr(workspace.files, "scan", slow)
        write(tmp_path, {"watch.toml": BOTH, "tasks/one.sql": "select 3 as a"})
        cancelled = asyncio.create_task(looked(workspace, "watch.toml", "tasks/one.sql"))
        await asyncio.to_thread(begun.wait)
        cancelled.cancel()
        await asyncio.sleep(0)
        go.set()
        await asyncio.wait([cancelled])
        report = await workspace.build(await looked(workspace, "tasks/one.sql"))
        assert [path for path, _ in report.record.changes] == ["more/two.sql", "tasks/one.sql", "watch.toml"]


@pytest.mark.parametrize("ignored", ["*.toml", "watch.*"])
async def test_settings_do_not_make_us_blind_to_themselves(tmp_path: Path, ignored: str) -> None:
    write(tmp_path, {**TASKS, "watch.toml": f'[watch]\nignore = ["{ignored}"]\n'})
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        assert await built(workspace, await workspace.look_all()) == ["one"]
        assert workspace.files.wants(str(tmp_path / "watch.toml"))
        write(tmp_path, {"watch.toml": BOTH})
        assert await built(workspace, await looked(workspace, "watch.toml")) == ["one", "two"]


async def test_a_file_that_cannot_be_read_is_read_as_soon_as_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: a text that was seen and could not be read just then counted as read."""
    async with opened(tmp_path, TASKS) as workspace:
        config = workspace.machine.config

        def refused() -> bytes | None:
            raise ConfigError("watch.toml: cannot be read (Too many open files)")

        monkeypatch.setattr(workspace.machine, "config", refused)
        write(tmp_path, {"watch.toml": BOTH})
        assert await built(workspace, await looked(workspace, "watch.toml")) == ["one"]
        assert [p.path for p in problems_of(workspace.world)] == ["watch.toml"]
        assert not await looked(workspace, "tasks/one.sql"), "what is wrong all the time is no change"
        monkeypatch.setattr(workspace.machine, "config", config)
        assert await built(workspace, await looked(workspace, "tasks/one.sql")) == ["one", "two"]
        assert problems_of(workspace.world) == ()


async def test_a_folder_in_the_place_of_the_file_is_told_of_while_it_is_there(tmp_path: Path) -> None:
    async with opened(tmp_path, {**TASKS, "watch.toml": BOTH}) as workspace:
        (tmp_path / "watch.toml").unlink()
        (tmp_path / "watch.toml").mkdir()
        assert await built(workspace, await looked(workspace, "watch.toml")) == ["one", "two"]
        assert [p.path for p in problems_of(workspace.world)] == ["watch.toml"]
        (tmp_path / "watch.toml").rmdir()
        assert await built(workspace, await looked(workspace, "watch.toml")) == ["one"]
        assert problems_of(workspace.world) == ()


async def test_a_file_that_no_look_sees_costs_no_look_at_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, TASKS)
    (tmp_path / "watch.toml").symlink_to("/dev/null")
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        assert await built(workspace, await workspace.look_all()) == ["one"]
        looks: list[frozenset[str] | None] = []
        scan = workspace.files.scan

        def counted(hints: frozenset[str] | None, *arguments: Any) -> Any:
            looks.append(hints)
            return scan(hints, *arguments)

        monkeypatch.setattr(workspace.files, "scan", counted)
        write(tmp_path, {"tasks/one.sql": "select 3 as a"})
        assert (await looked(workspace, "tasks/one.sql")).changed == ("tasks/one.sql",)
        assert looks == [frozenset({str(tmp_path / "tasks/one.sql")})]
