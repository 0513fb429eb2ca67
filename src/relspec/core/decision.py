"""Must a task run? One question, three answers, from keys alone: cut off, restore, or execute.

The reasons are recorded here, where the decision is made, so that what `why` says is what happened.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from relspec.core.plan import PlanArtifact
from relspec.core.progress import Action
from relspec.core.reason import Reason, Rule


@dataclass(frozen=True, slots=True)
class Basis:
    """What a decision rests on: the plan's fingerprint, the engine, the edge digest of every input, and their hash."""

    key: str
    fingerprint: str
    engine: str
    edges: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done with one task, and why."""

    action: Action
    reasons: tuple[Reason, ...]


def decide(plan: PlanArtifact, now: Basis, before: Basis | None, *, has_output: bool, remembered: bool) -> Decision:
    """Compare what a task's current object rests on with what it would rest on now.

    `before` is `None` when the task never ran; `remembered` says that the memo holds the key.
    """
    if before is not None and has_output and before.key == now.key:
        because = "its plan and the columns that it requires of its inputs are as they were"
        return Decision(Action.CUT_OFF, (Reason(Rule.SAME_KEY, because),))
    reasons = _moved(plan, now, before, has_output=has_output)
    if remembered:
        known = Reason(Rule.KNOWN_KEY, "this plan ran on these very inputs before, its object is current again")
        return Decision(Action.RESTORED, (*reasons, known))
    return Decision(Action.EXECUTED, reasons)


def _moved(plan: PlanArtifact, now: Basis, before: Basis | None, *, has_output: bool) -> tuple[Reason, ...]:
    if before is None:
        return (Reason(Rule.NEW_TASK, "the task has no result yet"),)
    reasons = []
    if before.fingerprint != now.fingerprint:
        reasons.append(Reason(Rule.PLAN_MOVED, "its plan moved"))
    columns = {need.dataset: tuple(c.name for c in need.columns) for need in plan.deps.inputs}
    for dataset in sorted(now.edges):
        if dataset in before.edges and before.edges[dataset] != now.edges[dataset]:
            what = ", ".join(columns.get(dataset, ())) or "the number of rows"
            because = f"what it requires of {dataset} moved ({what})"
            reasons.append(Reason(Rule.INPUT_MOVED, because, dataset, columns.get(dataset, ())))
    if before.engine != now.engine:
        reasons.append(Reason(Rule.ENGINE_MOVED, f"the engine is {now.engine} now, was {before.engine}"))
    if not has_output:
        reasons.append(Reason(Rule.OUTPUT_MISSING, "its object is no longer in the store"))
    return tuple(reasons) or (Reason(Rule.INPUT_MOVED, "its inputs are others than before"),)
