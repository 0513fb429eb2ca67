"""Why a task runs, or does not: a closed set of rules, recorded where the decision is made.

The first rules are of decisions; those from `FILE_MOVED` on say why a task was compiled, and stand behind them.
"""

from enum import StrEnum

import msgspec


class Rule(StrEnum):
    """The closed set; `docs/reference.md` has a line on each."""

    NEW_TASK = "new-task"
    PLAN_MOVED = "plan-moved"
    INPUT_MOVED = "input-moved"
    TOOL_MOVED = "tool-moved"
    ENGINE_MOVED = "engine-moved"
    OUTPUT_MISSING = "output-missing"
    ASKED_AGAIN = "asked-again"
    UPSTREAM_RUNS = "upstream-runs"
    KNOWN_KEY = "known-key"
    SAME_KEY = "same-key"
    SAME_EDGE = "same-edge"
    INLINED = "inlined"
    UPSTREAM_BROKEN = "upstream-broken"
    EDGE_BROKEN = "edge-broken"
    OWN_PROBLEM = "own-problem"
    FILE_MOVED = "file-moved"
    IMPORT_MOVED = "import-moved"
    SCHEMA_MOVED = "schema-moved"
    DECLARED_ANEW = "declared-anew"
    TRIED_AGAIN = "tried-again"


class Reason(msgspec.Struct, frozen=True):
    """One rule that fired: a sentence, the dataset or the file it came from, and the columns that count there."""

    rule: Rule
    because: str
    upstream: str | None = None
    columns: tuple[str, ...] = ()
    path: str | None = None
