"""Rogues under a real daemon, many in one build: each ends as one problem of its own, and everything else is well.

The campaign (`python -m tests.rogues`) runs all of them, one at a time, with more patience, and measures.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.rogues.rogues import LATE, LIMITS, ROGUES, Rogue
from tests.rogues.yard import Yard

HERE = tuple(rogue for rogue in ROGUES if rogue.name not in LATE)
#: Problems of these codes come from the machine, and say what to do next.
MACHINES = {"timeout", "crash", "memory"}


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of all rogues in one build, and of their repairs in the next."""

    built: dict[str, Any]
    repaired: dict[str, Any]
    states: dict[str, str]
    states_repaired: dict[str, str]
    log: str
    n_descriptors: tuple[int, int]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    with Yard(tmp_path_factory.mktemp("yard") / "project", LIMITS) as yard:
        yard.until(lambda: yard.at_rest() and yard.n_loaders() == 2, "the daemon to be at rest, with a spare")
        before = yard.descriptors()
        yard.let_in(HERE)
        built = yard.build()
        states = {task["name"]: task["state"] for task in yard.status()["tasks"]}
        yard.until(yard.at_rest, "the rogues to be gone")
        yard.repair(HERE)
        repaired = yard.build()
        states_repaired = {task["name"]: task["state"] for task in yard.status()["tasks"]}
        yard.until(lambda: yard.at_rest() and yard.n_loaders() == 2, "the last build to be over")
        descriptors = (before, yard.descriptors())
        yield Ended(built, repaired, states, states_repaired, yard.log.read_text(errors="replace"), descriptors)
        yard.daemon.terminate()
        assert yard.daemon.wait(10) == 0
        yard.daemon.poll()
        assert yard.marked() == []


@pytest.mark.parametrize("rogue", [r for r in HERE if r.code is not None], ids=lambda r: r.name)
def test_a_rogue_ends_as_one_problem_at_its_place(ended: Ended, rogue: Rogue) -> None:
    (problem,) = [p for p in ended.built["problems"] if p["path"] == rogue.path]
    assert problem["code"] == rogue.code
    assert rogue.words in problem["message"]
    assert problem["line"] == rogue.line or (rogue.line is None and problem["line"] >= 1)
    assert problem["hint"] is not None or rogue.code not in MACHINES
    assert len(problem["message"]) < 3000


def test_nobody_else_has_a_problem(ended: Ended) -> None:
    rogues = {rogue.path for rogue in HERE if rogue.code is not None}
    assert [p for p in ended.built["problems"] if p["path"] not in rogues] == []
    honest = {"plain", "mild", "settled", *(rogue.name for rogue in HERE if rogue.code is None)}
    assert {name: ended.states[name] for name in honest} == dict.fromkeys(honest, "fresh")


def test_the_save_that_repairs_a_rogue_makes_it_fresh(ended: Ended) -> None:
    assert ended.repaired["problems"] == []
    everybody = {"plain", "mild", "settled", *(rogue.name for rogue in HERE)}
    assert ended.states_repaired == dict.fromkeys(everybody, "fresh")


def test_what_rogues_print_is_cut_and_gives_terminals_no_orders(ended: Ended) -> None:
    assert ended.log.count("(what this build prints from here on is not shown") >= 1
    assert len(ended.log) < 400_000
    assert not set(ended.log) & {"\x1b", "\x07", "\x00"}


def test_the_daemon_keeps_no_descriptor_of_a_rogue(ended: Ended) -> None:
    before, after = ended.n_descriptors
    assert after <= before + 2
