"""Scripts that the simulation once failed, on real files."""

from pathlib import Path

import pytest
from tests.scenarios.harness import open_children
from tests.sim.replay import Replay
from tests.sim.script import kept

FOUND = kept(Path(__file__).parent / "found")


@pytest.mark.parametrize("name", ["readers_changed_meanwhile"])
async def test_a_script_holds_on_real_files(name: str, tmp_path: Path) -> None:
    async with open_children(tmp_path) as children:
        replay = Replay(FOUND[name], tmp_path / "project", children)
        await replay.play()
    assert replay.passed_over == []
    assert len(replay.effects.met) == len(FOUND[name].faults)
