"""Whoever asks in the midst of a long loop is answered there, not after it."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from tests.app.conftest import in_one_loop, opened
from tests.scenarios.harness import build, write

from relspec.app.run import Run
from relspec.app.turns import TURN, in_turns
from relspec.core.settings import Settings

pytestmark = in_one_loop


class Beat:
    """Counts how often it had its turn."""

    def __init__(self) -> None:
        self.n = 0

    async def go(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.n += 1


async def test_a_long_loop_lets_others_have_their_turn() -> None:
    beat = Beat()
    beating = asyncio.create_task(beat.go())
    turns: list[int] = []
    async for number in in_turns(range(10 * TURN)):
        assert number == len(turns)
        turns.append(beat.n)
    beating.cancel()
    assert turns[: TURN // 2] == [0] * (TURN // 2)
    assert turns[-1] >= 8


@pytest.mark.usefixtures("lent")
async def test_many_tasks_that_need_nothing_are_passed_in_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two thousand tasks in which a comment was moved kept every question waiting for half a second.
    names = [f"t{number:03}" for number in range(6 * TURN)]
    write(tmp_path, {f"tasks/{name}.sql": "-- relspec: kind=view\nselect 1 as a\n" for name in names})
    beat, turns, settle = Beat(), list[int](), Run._settle

    async def settled(run: Run, task: str) -> None:
        turns.append(beat.n)
        await settle(run, task)

    async with opened(tmp_path) as workspace:
        await build(workspace)
        monkeypatch.setattr(Run, "_settle", settled)
        beating = asyncio.create_task(beat.go())
        await workspace.decide(frozenset(names))
        beating.cancel()
    assert len(turns) == len(names)
    # Each worker has a turn of its own.
    assert max(Counter(turns).values()) <= TURN * (Settings().limits.workers + 1) < len(names)
