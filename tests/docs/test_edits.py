"""The contract in `docs/edits.md` is held: each line by scenarios that exist, and each scenario holds a line.

Caught: a scenario that no line names, a line that names a file that is not there, a step without `restored`.
"""

import re
from pathlib import Path

import pytest
from tests.scenarios.harness import LISTS, parse

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "tests" / "scenarios"
#: Folders of scenarios that are written by hand, for a line of the contract.
FOLDERS = ("data", "ibis", "project", "sql", "views")

ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split(" | "))
    for line in (ROOT / "docs" / "edits.md").read_text().splitlines()
    if line.startswith("| ") and not line.endswith("| held by |")
]
HELD_BY = {change: re.findall(r"`([\w/]+)`", names) for change, _, names in ROWS}
NAMES = sorted({name for names in HELD_BY.values() for name in names})
LISTED = [name for name in NAMES if "/test_" not in name]


def test_each_line_is_held_by_something_that_exists() -> None:
    assert len(ROWS) > 40
    assert [change for change, names in HELD_BY.items() if not names] == []
    assert [n for n in LISTED if not (SCENARIOS / f"{n}.scenario").exists()] == []
    assert [n for n in NAMES if n not in LISTED and not (ROOT / "tests" / f"{n}.py").exists()] == []


def test_each_scenario_holds_a_line() -> None:
    there = {path for folder in FOLDERS for path in (SCENARIOS / folder).glob("*.scenario")}
    assert [str(p.relative_to(SCENARIOS).with_suffix("")) for p in sorted(there)] == LISTED


@pytest.mark.parametrize("name", LISTED)
def test_each_expectation_of_the_contract_gives_all_lists(name: str) -> None:
    for step in parse((SCENARIOS / f"{name}.scenario").read_text()):
        assert [key for key in LISTS if key not in step.expected] == [], f"line {step.line}"
