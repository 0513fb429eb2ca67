"""What moved between two plans of one task, in words, and why the task was compiled at all.

A decision knows only that a fingerprint is another one. `explained` adds to its reasons what moved of the plan, and
what had the task compiled: the file, the helper, the schema, the tool.
"""

import msgspec
from msgspec.structs import replace

from relspec.core.plan import COLUMN_ASPECT, INNER_ASPECT, PlanArtifact
from relspec.core.reason import Reason, Rule
from relspec.core.schema import Column

#: Clauses of a query in words.
_CLAUSES = {
    "from": "what it reads or how that is joined",
    "where": "the filter",
    "group": "the grouping",
    "aggregated": "whether it aggregates",
    "having": "the filter of groups",
    "qualify": "the filter of windows",
    "windows": "a named window",
    "order": "the order",
    "in order": "the order",
    "limit": "the limit",
    "offset": "the offset",
    "distinct": "whether it drops duplicates",
    "all": "whether it keeps duplicates",
    "queries": "a query that it combines",
}
#: Where these move, every column may have another name in the canonical form.
_NUMBERING = ("from", "queries")


class Recompilation(msgspec.Struct, frozen=True):
    """A task that was compiled since a run last brought it to rest: why, and the plan that it had before (or none)."""

    causes: tuple[Reason, ...]
    before: PlanArtifact | None

    def then(self, causes: tuple[Reason, ...]) -> "Recompilation":
        """The same, compiled once more for `causes`."""
        return replace(self, causes=tuple(dict.fromkeys((*self.causes, *causes))))


def explained(
    reasons: tuple[Reason, ...], recompilation: Recompilation | None, plan: PlanArtifact | None
) -> tuple[Reason, ...]:
    """Say in the reasons of a decision what moved of the plan, and add why the task was compiled."""
    if recompilation is None:
        return reasons
    causes, before = recompilation.causes, recompilation.before
    tool = next((cause for cause in causes if cause.rule is Rule.TOOL_MOVED), None)
    unedited = all(cause.rule in (Rule.TOOL_MOVED, Rule.SCHEMA_MOVED) for cause in causes)
    if tool is not None and unedited and any(reason.rule is Rule.PLAN_MOVED for reason in reasons):
        # Nobody edited anything: that the query, or that of a view, came out other is the upgrade's doing.
        return tuple(tool if r.rule is Rule.PLAN_MOVED else r for r in reasons)
    if before is not None and plan is not None:
        said = f"its plan moved: {what_moved(before, plan)}"
        reasons = tuple(replace(r, because=said) if r.rule is Rule.PLAN_MOVED else r for r in reasons)
        # Other columns of an input have another digest, whether or not its rows moved.
        required = _required(before).items() ^ _required(plan).items()
        others = {dataset for dataset, _ in required}
        reasons = tuple(r for r in reasons if r.rule is not Rule.INPUT_MOVED or r.upstream not in others)
    return (*reasons, *causes)


def what_moved(before: PlanArtifact, after: PlanArtifact) -> str:
    """Say what differs between two plans of one task, in words that name columns where it can."""
    parts = []
    old, new = before.schema.types(), after.schema.types()
    added, removed = [c for c in new if c not in old], [c for c in old if c not in new]
    retyped = [c for c in new if c in old and old[c] != new[c]]
    parts += [f"output column {c} added" for c in added]
    parts += [f"output column {c} removed" for c in removed]
    parts += [f"output column {c} is {new[c]}, was {old[c]}" for c in retyped]
    if list(old) != list(new) and not (added or removed):
        parts.append("output columns reordered")
    if {u.name: u.digest for u in before.udfs} != {u.name: u.digest for u in after.udfs}:
        parts.append("a Python UDF changed")
    parts += _inputs_moved(before, after)
    if before.canonical != after.canonical:
        parts += _query_moved(before, after)
    return "; ".join(parts) or "the plan changed"


def _query_moved(before: PlanArtifact, after: PlanArtifact) -> list[str]:
    """Name the clauses that moved; where none did that numbers the sources, also the columns."""
    old, new = dict(before.aspects), dict(after.aspects)
    if not old or not new:
        return ["the query changed"]
    moved = [name for name in dict.fromkeys((*old, *new)) if old.get(name) != new.get(name)]
    clauses = dict.fromkeys(_clause(name) for name in moved if not name.startswith(COLUMN_ASPECT))
    both = [n.removeprefix(COLUMN_ASPECT) for n in moved if n.startswith(COLUMN_ASPECT) and n in old and n in new]
    renumbered = any(name.endswith(_NUMBERING) for name in moved)
    columns = [] if renumbered else [f"output column {c} is computed otherwise" for c in both]
    return [*clauses, *columns]


def _clause(aspect: str) -> str:
    name = aspect.removeprefix(INNER_ASPECT)
    where = " of a subquery" if name != aspect else ""
    name = name.replace(INNER_ASPECT, "")
    return f"{_CLAUSES.get(name, name)}{where} changed"


def _required(plan: PlanArtifact) -> dict[str, tuple[Column, ...]]:
    return {need.dataset: need.columns for need in plan.deps.inputs}


def _inputs_moved(before: PlanArtifact, after: PlanArtifact) -> list[str]:
    old = {need.dataset: {c.name: c.type for c in need.columns} for need in before.deps.inputs}
    new = {need.dataset: {c.name: c.type for c in need.columns} for need in after.deps.inputs}
    parts = [f"it reads {name} now" for name in new if name not in old]
    parts += [f"it no longer reads {name}" for name in old if name not in new]
    for name in (n for n in new if n in old):
        parts += [f"it requires {name}.{c} now" for c in new[name] if c not in old[name]]
        parts += [f"it no longer requires {name}.{c}" for c in old[name] if c not in new[name]]
        retyped = [c for c in new[name] if c in old[name] and new[name][c] != old[name][c]]
        parts += [f"{name}.{c} is {new[name][c]}, was {old[name][c]}" for c in retyped]
    if not parts and before.deps.inputs != after.deps.inputs:
        parts.append("it requires other metadata")
    return parts
