"""Why a task runs, or does not: a closed set of rules, recorded where the decision is made."""

from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """The closed set; `docs/reference.md` has a line on each."""

    NEW_TASK = "new-task"
    PLAN_MOVED = "plan-moved"
    INPUT_MOVED = "input-moved"
    ENGINE_MOVED = "engine-moved"
    OUTPUT_MISSING = "output-missing"
    UPSTREAM_RUNS = "upstream-runs"
    KNOWN_KEY = "known-key"
    SAME_KEY = "same-key"
    INLINED = "inlined"
    UPSTREAM_BROKEN = "upstream-broken"
    OWN_PROBLEM = "own-problem"


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that fired: a sentence, the dataset it came from, and the columns that count there."""

    rule: Rule
    because: str
    upstream: str | None = None
    columns: tuple[str, ...] = ()
