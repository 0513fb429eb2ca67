"""What happens while a build is under way: views that move below a task, and a state that is taken away."""

import asyncio
import errno
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.harness import build, compare_with_clean, write

from relspec.app.workspace import StateLostError, open_workspace
from relspec.core.layout import Layout
from relspec.core.problem import Problem
from relspec.core.work import Analyse, Analysed, Execute, Executed, Needs

TOP = "select sum(a) as a from middle\n"
FILES: dict[str, str | None] = {
    "data/things.csv": "a\n1\n2\n3\n",
    "tasks/bottom.sql": "-- relspec: kind=view\nselect a from things where a > 1\n",
    "tasks/middle.sql": "-- relspec: kind=view\nselect a from bottom\n",
    "tasks/top.sql": TOP,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    (made / "tasks").mkdir(parents=True)
    return made


async def test_nothing_is_published_into_a_state_that_took_the_place_of_ours(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, FILES)
    layout = Layout(root)
    async with open_workspace(layout, lambda _: None) as workspace:
        await build(workspace)
        engines, execute = workspace.tools.engines, workspace.tools.engines.execute

        async def swapped(request: Execute) -> Executed | Problem:
            answer = await execute(request)
            layout.state.rename(tmp_path / "moved")
            # As another process would begin there.
            shutil.copytree(tmp_path / "moved", layout.state)
            return answer

        monkeypatch.setattr(engines, "execute", swapped)
        shown = layout.views.read_bytes()
        write(root, {"tasks/top.sql": "select max(a) as a from middle\n"})
        with pytest.raises(StateLostError):
            await build(workspace)
        assert layout.views.read_bytes() == shown
        assert layout.tables.joinpath("top.parquet").stat().st_nlink == 1


@pytest.mark.parametrize("view", ["about to be well", "well"])
async def test_a_column_that_comes_back_behind_a_view_heals_who_is_compiled_then(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    whole = "select a, a + 1 as b from things\n"
    write(root, {"data/things.csv": "a\n1\n2\n", "tasks/base.sql": whole})
    write(root, {"tasks/low.sql": "-- relspec: kind=view\nselect a, b from base\n"})
    write(root, {"tasks/middle.sql": "-- relspec: kind=view\nselect a, b from low\n"})
    write(root, {"tasks/top.sql": "select sum(b) as b from middle\n"})
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        await build(workspace)
        write(root, {"tasks/base.sql": "select a from things\n"})
        assert (await build(workspace))["blocked"] == ["low", "middle", "top"]
        engines, world, analyse = workspace.tools.engines, workspace.world, workspace.tools.engines.analyse
        lacking, answered = asyncio.Event(), asyncio.Event()

        def has_come_back() -> bool:
            schema, record = world.schema("base"), world.records["low"]
            return schema is not None and schema.column("b") is not None and (view != "well" or record.problem is None)

        async def slow(request: Analyse) -> Analysed | Needs | Problem:
            async with asyncio.timeout(20):
                if request.task == "low" and view != "well":
                    await answered.wait()
                if request.task == "base":
                    await lacking.wait()
            answer = await analyse(request)
            if request.task == "top" and isinstance(answer, Problem) and not answered.is_set():
                lacking.set()
                # By the time this is taken over the column is back.
                async with asyncio.timeout(20):
                    while not has_come_back():  # noqa: ASYNC110 - a new plan tells nobody
                        await asyncio.sleep(0.01)
                if view == "well":
                    answered.set()
                else:
                    asyncio.get_running_loop().call_later(0.05, answered.set)
            return answer

        monkeypatch.setattr(engines, "analyse", slow)
        write(root, {"tasks/base.sql": whole, "tasks/top.sql": "select max(b) as b from middle\n"})
        document = await build(workspace)
        assert answered.is_set()
        assert (document["ok"], document["executed"], document["restored"]) == (True, ["top"], ["base"])
    await compare_with_clean(root, tmp_path / "clean", set())


@pytest.mark.parametrize("was", ["broken", "new"])
async def test_who_is_compiled_while_a_view_below_moves_is_compiled_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, was: str
) -> None:
    write(root, FILES)
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        await build(workspace)
        write(root, {"tasks/top.sql": "selec nothing\n" if was == "broken" else None})
        await build(workspace)
        engines, world = workspace.tools.engines, workspace.world
        analyse, before, held = engines.analyse, world.asked_digest("middle"), []

        async def slow(request: Analyse) -> Analysed | Needs | Problem:
            answer = await analyse(request)
            if request.task == "top" and isinstance(answer, Analysed) and not held:
                # What it saw is old by the time it is taken over.
                held.append(request.task)
                async with asyncio.timeout(20):
                    while world.asked_digest("middle") == before:  # noqa: ASYNC110 - a new plan tells nobody
                        await asyncio.sleep(0.01)
            return answer

        monkeypatch.setattr(engines, "analyse", slow)
        bottom = "-- relspec: kind=view\nselect a from things where a > 2\n"
        write(root, {"tasks/top.sql": TOP, "tasks/bottom.sql": bottom})
        document = await build(workspace)
        assert held == ["top"]
        assert (document["executed"], document["restored"]) == (["top"], [])
        assert document["recompiled"] == ["bottom", "middle", "top"]
    await compare_with_clean(root, tmp_path / "clean", set())


async def test_a_superseded_query_dies_while_others_still_compile(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A save of many tasks left it running until the last of them was compiled.
    endless = "select count(*) as n from range(1000000000) a, range(1000000000) b where a.range + b.range = -1\n"
    write(root, {"tasks/other.sql": "select 1 as a\n", "tasks/deleted.sql": endless, "tasks/edited.sql": endless})
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        engines, running = workspace.tools.engines, set[str]()
        analyse, execute = engines.analyse, engines.execute
        both, none = asyncio.Event(), asyncio.Event()

        async def noted(request: Execute) -> Executed | Problem:
            running.add(request.task)
            if running == {"deleted", "edited"}:
                both.set()
            try:
                return await execute(request)
            finally:
                running.discard(request.task)
                if not running:
                    none.set()

        async def slow(request: Analyse) -> Analysed | Needs | Problem:
            if request.task == "other" and "2" in request.text:
                async with asyncio.timeout(20):
                    await none.wait()
            return await analyse(request)

        monkeypatch.setattr(engines, "execute", noted)
        monkeypatch.setattr(engines, "analyse", slow)
        first = asyncio.create_task(build(workspace))
        async with asyncio.timeout(20):
            await both.wait()
        first.cancel()
        await asyncio.wait([first])
        none.clear()
        write(root, {"tasks/other.sql": "select 2 as a\n", "tasks/edited.sql": "select 3 as a\n"})
        write(root, {"tasks/deleted.sql": None})
        assert (await build(workspace))["problems"] == []


async def test_what_is_compiled_twice_before_a_commit_is_stored_as_it_was_the_last_time(root: Path) -> None:
    """Caught: what was noted of the second text took the first for what the state has."""
    write(root, FILES)
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        await build(workspace)
        for text in ("select sum(a) + 1 as a from middle\n", "select sum(a) + 2 as b from middle\n"):
            write(root, {"tasks/top.sql": text})
            await workspace.compile(await workspace.look_all())
        write(root, {"tasks/middle.sql": None, "tasks/other.sql": "select 1 as a\n"})
        await workspace.compile(await workspace.look_all())
        write(root, {"tasks/middle.sql": FILES["tasks/middle.sql"]})
        await build(workspace)
        assert workspace.store.load().plans == workspace.world.plans
        assert "sum(a) + 2" in workspace.world.plans["top"].sql


@pytest.mark.parametrize(("n_tasks", "n_early"), [(4, 4), (5, 0)])
async def test_few_objects_are_on_their_way_to_the_disk_before_the_commit(
    root: Path, monkeypatch: pytest.MonkeyPatch, n_tasks: int, n_early: int
) -> None:
    write(root, {"data/things.csv": "a\n1\n"})
    write(root, {f"tasks/t{n}.sql": f"select a + {n} as a from things\n" for n in range(n_tasks)})
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        objects, commit = workspace.tools.objects, workspace.store.commit
        syncing, early, committed = objects.syncing, [], []

        def begin(contents: Iterable[str]) -> Callable[[], object]:
            early.append(frozenset(contents))
            return syncing(early[-1])

        def note(*asked: Any) -> None:
            committed.append([contents for contents in early if len(contents) == 1])
            commit(*asked)

        monkeypatch.setattr(objects, "syncing", begin)
        monkeypatch.setattr(workspace.store, "commit", note)
        await build(workspace)
        made = {output.content for output in workspace.world.outputs.values()}
        (first, *_) = committed
        assert len(first) == n_early
        assert {content for contents in first for content in contents} == (made if n_early else set())


async def test_what_the_disk_refuses_early_is_written_again_for_the_commit(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told to nobody, and the system may tell it once."""
    write(root, {"data/things.csv": "a\n1\n", "tasks/one.sql": "select a from things\n"})
    refused: list[str] = []
    fsync = os.fsync

    def refuse_once(descriptor: int) -> None:
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        if not refused and name.startswith(f"{layout.objects}/"):
            refused.append(f"{name} {os.fstat(descriptor).st_ino}")
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    layout = Layout(root)
    async with open_workspace(layout, lambda _: None) as workspace:
        monkeypatch.setattr(os, "fsync", refuse_once)
        assert (await build(workspace))["executed"] == ["one"]
        name, inode = refused[0].split()
        assert os.stat(name).st_ino != int(inode)
