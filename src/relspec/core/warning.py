"""Warnings as they are told: which there are, of which task, and where. A warning never makes a build fail."""

from dataclasses import dataclass
from enum import StrEnum


class WarningCode(StrEnum):
    """The closed set of warning codes; `docs/reference.md` has a line on each."""

    LIMIT_WITHOUT_ORDER = "limit-without-order"
    PARTIAL_ORDER = "partial-order"
    DISTINCT_ON = "distinct-on"
    FIRST_OF_MANY = "first-of-many"
    LIST_ORDER = "list-order"
    WINDOW_TIES = "window-ties"
    ROW_ORDER = "row-order"
    FLOAT_SUM = "float-sum"
    APPROXIMATE = "approximate"
    SAMPLE = "sample"
    RANDOM = "random"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class TaskWarning:
    """A finding as it is told: of which task, and where."""

    code: WarningCode
    task: str
    path: str
    line: int
    column: int
    message: str
    hint: str
