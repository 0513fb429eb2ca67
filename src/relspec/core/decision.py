"""Must a task run? One question, three answers, from keys alone: cut off, restore, or execute.

The reasons are recorded here, where the decision is made, so that what `why` says is what happened.
"""

from collections.abc import Mapping

import msgspec

from relspec.core.plan import PlanArtifact, Requirement
from relspec.core.progress import Action
from relspec.core.reason import Reason, Rule


class Basis(msgspec.Struct, frozen=True):
    """What a decision rests on: the plan's fingerprint, the engine, the edge digest of every input, and their hash."""

    key: str
    fingerprint: str
    engine: str
    edges: Mapping[str, str]


class Decision(msgspec.Struct, frozen=True):
    """What is to be done with one task, and why."""

    action: Action
    reasons: tuple[Reason, ...]


class Past(msgspec.Struct, frozen=True):
    """What is there of a task.

    `basis` is that of its current object, `None` when it never ran. `has_output`: that object is in the store.
    `remembered`: the memo holds the key that it would have now. `stirred`: inputs that were made or read anew, whether
    or not anything of them moved. `asked_again`: somebody wants it executed in any case.
    """

    basis: Basis | None
    has_output: bool
    remembered: bool
    stirred: frozenset[str] = frozenset()
    asked_again: bool = False


def is_current(now: Basis, before: Basis | None, *, has_output: bool) -> bool:
    """Whether an object that rests on `before`, and is there, is what a task would give now."""
    return has_output and before is not None and before.key == now.key


def decide(plan: PlanArtifact, now: Basis, past: Past) -> Decision:
    """Compare what a task's current object rests on with what it would rest on now."""
    if past.asked_again:
        return Decision(Action.EXECUTED, (Reason(Rule.ASKED_AGAIN, "somebody asked to execute it again"),))
    if is_current(now, past.basis, has_output=past.has_output):
        because = "its plan and the columns that it requires of its inputs are as they were"
        return Decision(Action.CUT_OFF, (Reason(Rule.SAME_KEY, because), *_same_edges(plan, past)))
    reasons = _moved(plan, now, past)
    if past.remembered:
        known = Reason(Rule.KNOWN_KEY, "this plan ran on these very inputs before, its object is current again")
        return Decision(Action.RESTORED, (*reasons, known))
    return Decision(Action.EXECUTED, reasons)


def _same_edges(plan: PlanArtifact, past: Past) -> tuple[Reason, ...]:
    needs = (need for need in plan.deps.inputs if need.dataset in past.stirred)
    return tuple(Reason(Rule.SAME_EDGE, _same_edge(need), need.dataset, _names(need)) for need in needs)


def _same_edge(need: Requirement) -> str:
    return f"{need.dataset} is another, what it requires of it is as before ({_listed(need)})"


def _names(need: Requirement) -> tuple[str, ...]:
    return tuple(column.name for column in need.columns)


def _listed(need: Requirement) -> str:
    return ", ".join(_names(need)) or "the number of rows"


def _moved(plan: PlanArtifact, now: Basis, past: Past) -> tuple[Reason, ...]:
    before = past.basis
    if before is None:
        return (Reason(Rule.NEW_TASK, "the task has no result yet"),)
    reasons = []
    if before.fingerprint != now.fingerprint:
        reasons.append(Reason(Rule.PLAN_MOVED, "its plan moved"))
    if before.engine != now.engine:
        reasons.append(Reason(Rule.ENGINE_MOVED, f"the engine is {now.engine} now, was {before.engine}"))
    else:
        reasons += _moved_inputs(plan, now, before)
    if not past.has_output:
        reasons.append(Reason(Rule.OUTPUT_MISSING, "its object is no longer in the store"))
    return tuple(reasons) or (Reason(Rule.INPUT_MOVED, "its inputs are others than before"),)


def _moved_inputs(plan: PlanArtifact, now: Basis, before: Basis) -> list[Reason]:
    """Name the inputs whose digests moved; both must come from one engine, since those of two are never the same."""
    reasons = []
    for need in sorted(plan.deps.inputs, key=lambda need: need.dataset):
        if before.edges.get(need.dataset, now.edges[need.dataset]) != now.edges[need.dataset]:
            because = f"what it requires of {need.dataset} moved ({_listed(need)})"
            reasons.append(Reason(Rule.INPUT_MOVED, because, need.dataset, _names(need)))
    return reasons
