"""A slice of the campaign: a few seeds against the oracle and the model; `docs/testing.md` says how to run many."""

from collections import Counter
from pathlib import Path

import pytest
from tests.campaign.play import play
from tests.campaign.script import new_script


@pytest.mark.parametrize("seed", range(4))
async def test_every_build_leaves_what_the_oracle_says_and_runs_what_the_model_says(seed: int, tmp_path: Path) -> None:
    tally: Counter[str] = Counter()
    await play(new_script(seed, n_steps=15), tmp_path / "project", tally)
    assert tally["scripts"] == 1
