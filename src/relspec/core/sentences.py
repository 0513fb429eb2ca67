"""The sentences of warnings: which code, what is open, what helps.

Those that are told of analysed queries and of others alike stand here; the rest stand where they are found.
"""

from typing import NamedTuple

from relspec.core.finding import ColumnsOf, Finding
from relspec.core.warning import WarningCode


class Said(NamedTuple):
    """What a finding says, without its place."""

    code: WarningCode
    message: str
    hint: str

    def at(self, place: tuple[int, int] | None, unless: tuple[ColumnsOf, ...] = ()) -> Finding:
        """The finding at a place; without one it came with a view."""
        line, column = (None, None) if place is None else place
        return Finding(self.code, line, column, self.message, self.hint, unless, inlined=place is None)


def clock(name: str) -> Said:
    """A function that tells the time."""
    message = f"{name} is the moment of execution: the table stays as it is until an input moves"
    return Said(
        WarningCode.CLOCK, message, "keep the moment as data in a source, or execute the task anew with build --again"
    )


def chance(name: str) -> Said:
    """A function that draws numbers."""
    message = f"{name} gives each row a number by chance"
    return Said(WarningCode.RANDOM, message, "derive it from the row: hash(id) has no order and no chance in it")


def approximation(name: str) -> Said:
    """A function that approximates by what comes first."""
    message = f"{name} approximates, and its result depends on the order in which rows come"
    return Said(WarningCode.APPROXIMATE, message, "use the exact function, such as quantile_cont")


def any_rows(keys: str) -> Said:
    """LIMIT without an order, where `keys` would tell rows apart."""
    such = f", such as {keys}" if keys else ""
    hint = f"add ORDER BY with keys that tell the rows apart{such}; ORDER BY ALL always does"
    return Said(WarningCode.LIMIT_WITHOUT_ORDER, "LIMIT without ORDER BY takes any rows", hint)


def nearest(of: str, others: str) -> Said:
    """An ASOF join to `of`, whose rows may tie and differ in `others`."""
    message = f"ASOF JOIN takes any of the rows of {of} that are equally near"
    hint = f"group them by what the join compares, with {others} chosen by an aggregate such as max"
    return Said(WarningCode.ROW_ORDER, message, hint)
