"""A slice of the simulation, the scripts that it once failed, and what it stands on: equal seeds give equal runs."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sim.play import play
from tests.sim.script import draw, kept, read

FOUND = kept(Path(__file__).parent / "found")
BITES = kept(Path(__file__).parent / "bites")


def test_a_slice_of_seeds_shows_no_difference() -> None:
    command = [sys.executable, "-m", "tests.sim", "--seeds", "60", "--seed", "1", "--jobs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "; 0 differed" in done.stdout


@pytest.mark.parametrize("name", FOUND)
def test_what_once_differed_does_not_any_more(name: str) -> None:
    played = play(FOUND[name])
    assert played.difference is None
    assert len(played.met) >= len(FOUND[name].faults), "the faults are met by no effect any more"


@pytest.mark.parametrize("name", BITES)
def test_what_planted_breaks_make_differ_does_not_differ(name: str) -> None:
    assert play(BITES[name]).difference is None


@pytest.mark.parametrize("seed", [3, 8, 20])
def test_a_seed_gives_the_same_run_each_time(seed: int) -> None:
    first, second = play(draw(seed)), play(draw(seed))
    assert first.trace == second.trace
    assert first.n_effects == second.n_effects > 20
    assert play(replace(draw(seed), seed=seed + 1)).trace != first.trace


def test_a_script_survives_being_written() -> None:
    script = draw(5)
    assert read(script.text()) == script
