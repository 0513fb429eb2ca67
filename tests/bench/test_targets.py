"""Targets are computed from the figures that they name, and from nothing where these are missing."""

from dataclasses import replace

import pytest
from tests.bench import workloads
from tests.bench.made import PEER, entry, row
from tests.bench.record import Book
from tests.bench.steps import BY_NAME
from tests.bench.targets import TARGETS, Measured, Most, OfPeer, Target, held

EMPTY = Book((), (), ())
BOOK = Book((entry("sql", 1_000, row("leaf", 20.0, 8.0, cpu_ms=42.0), row("touch", 9.0)),), (PEER,), ())
LEAF = Measured("sql", 1_000, "leaf", "wall_p50_ms")


def test_a_target_may_be_a_figure_by_itself() -> None:
    target = Target("leaf", LEAF, 20.0, "ms")
    assert (target.found(BOOK), held(target, BOOK)) == (20.0, True)


def test_a_target_may_be_a_multiple_of_another_figure() -> None:
    target = Target("leaf", LEAF, 2.4, "times", Measured("sql", 1_000, "leaf", "floor_ms"), "the floor")
    assert (target.found(BOOK), held(target, BOOK)) == (2.5, False)


def test_a_target_may_be_a_share_of_what_another_tool_takes() -> None:
    cpu = Measured("sql", 1_000, "leaf", "cpu_ms")
    target = Target("leaf", cpu, 0.02, "times", OfPeer("dbt", 1_000, "leaf"), "that of dbt")
    assert (target.found(BOOK), held(target, BOOK)) == (0.02, True)


def test_what_another_tool_takes_from_the_command_line_is_not_compared() -> None:
    cold = replace(PEER, manner="command line", cpu_ms=5_100.0)
    assert OfPeer("dbt", 1_000, "leaf").value(replace(BOOK, peers=(cold, PEER))) == 2_100.0


def test_memory_is_the_most_of_all_steps() -> None:
    assert Most("sql", 1_000, "wall_p50_ms").value(BOOK) == 20.0


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.what)
def test_nothing_is_held_of_what_was_not_measured(target: Target) -> None:
    assert held(target, EMPTY) is None


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.what)
def test_every_target_is_about_steps_that_its_workload_has(target: Target) -> None:
    for quantity in (target.value, target.against):
        if quantity is None:
            continue
        workload = workloads.BY_NAME["sql" if isinstance(quantity, OfPeer) else quantity.workload]
        assert quantity.n in workload.sizes
        if not isinstance(quantity, Most):
            assert quantity.step in workload.steps
            assert quantity.step in BY_NAME


def test_every_step_belongs_to_a_workload_and_the_other_way_round() -> None:
    used = {step for workload in workloads.WORKLOADS for step in workload.steps}
    assert used == set(BY_NAME)
