"""A run that did anything else than it has to is no run."""

from typing import Any

import pytest
from tests.bench.daemon import told
from tests.bench.session import WrongRunError, checked

DID: dict[str, Any] = {"executed": ["a", "b"], "restored": [], "problems": []}
NOTHING: frozenset[str] = frozenset()


def test_what_executed_has_to_be_what_must() -> None:
    assert checked("leaf", DID, frozenset({"a", "b"}), NOTHING) == 2


@pytest.mark.parametrize(
    "expected", [frozenset({"a"}), frozenset({"a", "b", "c"}), NOTHING], ids=["more", "fewer", "any"]
)
def test_another_set_of_tasks_is_refused(expected: frozenset[str]) -> None:
    with pytest.raises(WrongRunError, match="leaf: executed 2 tasks"):
        checked("leaf", DID, expected, NOTHING)


def test_what_had_to_be_restored_and_was_not_is_refused() -> None:
    with pytest.raises(WrongRunError, match="undo: restored 0 tasks"):
        checked("undo", DID, frozenset({"a", "b"}), frozenset({"a"}))


def test_a_problem_is_refused_even_where_nobody_knows_what_must_execute() -> None:
    assert checked("touch", DID, None, NOTHING) == 2
    with pytest.raises(WrongRunError, match="broken"):
        checked("touch", {**DID, "problems": ["broken"]}, None, NOTHING)


def test_what_the_first_run_did_is_read_from_the_lines() -> None:
    lines = [
        "relspec-watch: executed: a in 9 ms (the task has no result yet)\n",
        "relspec-watch: cut off: b (its plan is as it was)\n",
        "relspec-watch: restored: c (its key is known)\n",
        "tasks/d.sql:1:8: error unknown-column: there is no column x\n",
        "relspec-watch: ready: revision 1, 1 executed, 1 restored, 1 cut off, 1 problem(s) in 9 ms\n",
    ]
    assert told(lines) == {"executed": ["a"], "restored": ["c"], "problems": [lines[3]]}
