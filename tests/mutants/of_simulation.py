"""Breaks that the simulation has to notice: by its slice of seeds, or by scripts that were made small or by hand."""

from tests.mutants.planted import Break

_SIM = "tests/sim/test_sim.py"
_SLICE = (f"{_SIM}::test_a_slice_of_seeds_shows_no_difference",)


def _bitten(*names: str) -> tuple[str, ...]:
    return tuple(f"{_SIM}::test_what_planted_breaks_make_differ_does_not_differ[{name}]" for name in names)


def _found(name: str) -> tuple[str, ...]:
    return (f"{_SIM}::test_what_once_differed_does_not_any_more[{name}]",)


BREAKS: tuple[Break, ...] = ()
