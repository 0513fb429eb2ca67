"""Old fingerprints against new plans: what was added, removed, changed, and what is as it was."""

from collections.abc import Mapping
from dataclasses import dataclass

from relspec.core.plan import PlanArtifact


@dataclass(frozen=True, slots=True)
class Diff:
    """Names of tasks, sorted; `moved` says for each changed task what of its plan moved, in words."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    moved: Mapping[str, str]


def diff(before: Mapping[str, PlanArtifact], after: Mapping[str, PlanArtifact]) -> Diff:
    """Compare plans by fingerprint."""
    common = sorted(before.keys() & after.keys())
    changed = tuple(name for name in common if before[name].fingerprint != after[name].fingerprint)
    return Diff(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=changed,
        unchanged=tuple(name for name in common if name not in set(changed)),
        moved={name: _what_moved(before[name], after[name]) for name in changed},
    )


def _what_moved(before: PlanArtifact, after: PlanArtifact) -> str:
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
    if before.deps.inputs != after.deps.inputs:
        parts.append("other input columns are required")
    if before.canonical != after.canonical:
        parts.append("the query changed")
    return "; ".join(parts) or "the plan changed"
