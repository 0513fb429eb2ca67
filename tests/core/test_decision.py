"""Cut off, restore or execute: decided by keys alone, with the reasons."""

from relspec.core.decision import Basis, Past, decide
from relspec.core.finding import NOTHING_FOUND
from relspec.core.plan import InferredDeps, PlanArtifact, Requirement
from relspec.core.progress import Action
from relspec.core.reason import Rule
from relspec.core.schema import Column, Schema

PLAN = PlanArtifact(
    task="totals",
    output="totals",
    sql="select sum(amount) as total from main.orders",
    canonical="c",
    aspects=(),
    schema=Schema((Column("total", "DOUBLE"),)),
    deps=InferredDeps((Requirement("orders", (Column("amount", "DOUBLE"),)),), ()),
    lineage=(),
    udfs=(),
    coarse=None,
    fingerprint="f2",
    repeatability=NOTHING_FOUND,
)
NOW = Basis("k2", "f2", "duckdb 1", {"orders": "e2"})


def rules(before: Basis | None, *, has_output: bool = True, remembered: bool = False) -> tuple[Action, list[Rule]]:
    decision = decide(PLAN, NOW, Past(before, has_output, remembered))
    return decision.action, [r.rule for r in decision.reasons]


def test_the_same_key_needs_nothing() -> None:
    assert rules(NOW) == (Action.CUT_OFF, [Rule.SAME_KEY])


def test_the_same_key_without_its_object_executes() -> None:
    assert rules(NOW, has_output=False) == (Action.EXECUTED, [Rule.OUTPUT_MISSING])


def test_a_task_without_a_result_executes() -> None:
    assert rules(None, has_output=False) == (Action.EXECUTED, [Rule.NEW_TASK])


def test_every_part_that_moved_is_named() -> None:
    before = Basis("k1", "f1", "duckdb 1", {"orders": "e1"})
    assert rules(before) == (Action.EXECUTED, [Rule.PLAN_MOVED, Rule.INPUT_MOVED])


def test_another_engine_says_nothing_about_the_inputs() -> None:
    """Digests of two engines are never the same, whether or not the inputs are. Caught: comparing them all the same."""
    before = Basis("k1", "f2", "duckdb 0", {"orders": "e1"})
    assert rules(before) == (Action.EXECUTED, [Rule.ENGINE_MOVED])


def test_an_input_that_moved_is_named_with_the_required_columns() -> None:
    before = Basis("k1", "f2", "duckdb 1", {"orders": "e1"})
    decision = decide(PLAN, NOW, Past(before, has_output=True, remembered=False))
    (reason,) = decision.reasons
    assert (reason.rule, reason.upstream, reason.columns) == (Rule.INPUT_MOVED, "orders", ("amount",))


def test_a_known_key_is_restored_and_keeps_the_reason_why_it_was_looked_at() -> None:
    before = Basis("k1", "f1", "duckdb 1", {"orders": "e2"})
    assert rules(before, remembered=True) == (Action.RESTORED, [Rule.PLAN_MOVED, Rule.KNOWN_KEY])


def test_an_input_that_is_another_in_vain_is_named_with_the_required_columns() -> None:
    past = Past(NOW, has_output=True, remembered=False, stirred=frozenset({"orders", "days"}))
    _, same = decide(PLAN, NOW, past).reasons
    assert (same.rule, same.upstream, same.columns) == (Rule.SAME_EDGE, "orders", ("amount",))


def test_what_is_asked_for_again_executes_whatever_is_known() -> None:
    decision = decide(PLAN, NOW, Past(NOW, has_output=True, remembered=True, asked_again=True))
    assert (decision.action, [r.rule for r in decision.reasons]) == (Action.EXECUTED, [Rule.ASKED_AGAIN])
