"""Breaks planted on purpose, each in one place of the code, and the tests that have to notice.

A break is a plausible mistake: a comparison left out, a cache that forgets a part of its key, a walk that stops early.
`breaks.py` has all of them, by subject in the modules `of_*.py`. `test_breaks.py` holds that each still fits the code;
`python -m tests.mutants` plants them one by one.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Break:
    """`old` stands exactly once in `file` (below `src/relspec`) and becomes `new`; one of `tests` has to fail then."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def scenarios(*names: str) -> tuple[str, ...]:
    """Name the tests of scenario files."""
    return tuple(f"tests/scenarios/test_scenarios.py::test_exactly_what_must_run_runs[{name}]" for name in names)
