"""What is wrong in the user's files, as a value.

A problem is not an exception: the last good output stays, the cone below is blocked, everything else goes on.
It knows nothing of colours or JSON.
"""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """The closed set of problem codes; `docs/reference.md` has a line on each."""

    SYNTAX = "syntax"
    LOAD = "load"
    TIMEOUT = "timeout"
    CRASH = "crash"
    MACHINE = "machine"
    MEMORY = "memory"
    DECLARATION = "declaration"
    DUPLICATE_TASK = "duplicate-task"
    DUPLICATE_OUTPUT = "duplicate-output"
    CYCLE = "cycle"
    UNKNOWN_DATASET = "unknown-dataset"
    UNKNOWN_COLUMN = "unknown-column"
    EDGE = "edge"
    UPSTREAM = "upstream"
    TYPE = "type"
    SQL = "sql"
    UNSUPPORTED_SQL = "unsupported-sql"
    OUTPUT_SCHEMA = "output-schema"
    BUILDER = "builder"
    EXECUTION = "execution"
    UNREADABLE = "unreadable"
    SCHEMA_DRIFT = "schema-drift"
    EXTRACTOR = "extractor"
    CONFIG = "config"


#: Codes that say "an input does not offer what is required": the task is blocked, not failed, and heals with its input.
BLOCKING = frozenset({Code.UNKNOWN_DATASET, Code.UNKNOWN_COLUMN, Code.EDGE, Code.UPSTREAM})


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem at one place: `path` relative to the project, `line` and `column` 1-based, `None` is "none"."""

    code: Code
    task: str | None
    path: str | None
    line: int | None
    column: int | None
    message: str
    hint: str | None

    @property
    def blocks(self) -> bool:
        """Whether the task waits for an input rather than being at fault itself."""
        return self.code in BLOCKING
