"""A slice of the campaign: a few seeds against the oracle and the model; `docs/testing.md` says how to run many.

Breaks of the product that a campaign of at most five scripts of forty steps found: a key without the digests of the
inputs, helpers whose edits do not reload their users, only the first of the part files digested, readers of views that
do not look at the view, digests in which duplicate rows cancel out, cutting off by the inputs alone.
"""

import random
from collections import Counter
from pathlib import Path

import pytest
from tests.campaign.edits import EXCURSIONS, Edit, applied, new_edit
from tests.campaign.files import files_of
from tests.campaign.generate import new_project
from tests.campaign.model import Expectation, Health, health_of
from tests.campaign.play import DifferenceError, Played, play
from tests.campaign.script import Script, Step, new_script
from tests.campaign.shrink import scenario, shrunk
from tests.scenarios.harness import Children, parse

from relspec.app import run


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("seed", range(4))
async def test_a_build_leaves_what_the_oracle_says_and_runs_what_the_model_says(
    seed: int, tmp_path: Path, children: Children
) -> None:
    tally: Counter[str] = Counter()
    with children.lent():
        await play(new_script(seed, n_steps=20), tmp_path / "project", tally)
    assert tally["scripts"] == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_a_build_that_does_not_see_changed_data_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, children: Children
) -> None:
    monkeypatch.setattr(run, "task_key", lambda fingerprint, engine, edges: fingerprint)
    refilled = Step(tuple(Edit("refill", f"s{i}", 7) for i in range(4)))
    script = Script(0, new_project(random.Random(3), 3), (refilled,))
    with children.lent(), pytest.raises(DifferenceError, match=r"version 2 \(refill s0.* executed \[\], not"):
        await play(script, tmp_path / "project", Counter())


async def test_a_failing_script_becomes_as_small_as_what_makes_it_fail() -> None:
    script = new_script(5, n_steps=20)
    script = Script(5, script.project, (*script.steps, Step((Edit("touch", "*", 1),)), *script.steps))

    async def fails(smaller: Script) -> bool:
        return any(e == Edit("touch", "*", 1) for step in smaller.steps for e in step.edits)

    small = await shrunk(script, fails, 1000)
    assert small.steps == (Step((Edit("touch", "*", 1),)),)
    assert small.project.tasks == small.project.sources == ()


def test_a_scenario_has_the_files_and_the_expectations_of_what_was_played() -> None:
    files = files_of(new_project(random.Random(1), 12))
    expected = Expectation(
        ("t1", "t2"), (), frozenset(), frozenset(), ("t1",), ("t1",), Health(frozenset({"t3"}), frozenset(), ())
    )
    gone = Played({min(files): None}, expected, restart=True)
    first, second = parse(scenario("Two versions.", [Played(dict(files), expected, restart=False), gone]))
    assert (first.files, first.restart) == (files, False)
    assert (second.files, second.restart) == ({min(files): None}, True)
    assert first.expected == {
        "recompiled": ["t1"],
        "executed": ["t1", "t2"],
        "restored": [],
        "failed": ["t3"],
        "blocked": [],
    }


def test_a_seed_always_gives_the_same_script() -> None:
    assert new_script(11, 30) == new_script(11, 30)


@pytest.mark.parametrize("seed", range(40))
def test_edits_break_nothing_that_they_are_not_meant_to_break(seed: int) -> None:
    rng = random.Random(seed)
    project = new_project(rng, rng.randint(1, 20))
    for _ in range(20):
        edit = new_edit(project, rng, excursion=False)
        assert edit.kind not in EXCURSIONS
        project = applied(project, edit)
        health = health_of(project, {})
        assert not health.failed
        assert not health.blocked
