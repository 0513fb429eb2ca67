"""Finds values of a text source that its fixed types would change without a word.

DuckDB rounds `2.5` into a column of whole numbers, and drops the time of day of what becomes a date. Such a value does
not fit: it is a problem with its line, never another value. Types that were just found in the whole of a file fit it,
so this is asked where types are from before, or the user's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from relspec.core.schema import Column
from relspec.core.types import TypeTree, parse
from relspec.edges.engine.sql import literal

_WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"})
_WHOLE |= {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}


@dataclass(frozen=True, slots=True)
class Loss:
    """The first value that would be changed: the number of its row, from 1, its column, and the value as text."""

    row: int
    column: Column
    text: str


def first_loss(connection: duckdb.DuckDBPyConnection, source: str, texts: Sequence[tuple[Column, str]]) -> Loss | None:
    """Find the first value in `source` that the type of its column would change.

    `texts` are the columns, each with the SQL of its value as text. Cost: a scan of those columns whose types can lose
    anything; none where no type can. Raises duckdb.Error where the source cannot be read.
    """
    checked = [(column, text, lost) for column, text in texts if (lost := _lost(column, text)) is not None]
    if not checked:
        return None
    flags = ", ".join(f"coalesce({lost}, false)" for _, _, lost in checked)
    values = ", ".join(text for _, text, _ in checked)
    numbered = f"SELECT row_number() OVER () AS nth, list_position([{flags}], true) AS which, [{values}] AS texts"
    found = connection.execute(
        f"SELECT nth, which, texts[which] FROM ({numbered} FROM {source}) WHERE which > 0 LIMIT 1"
    )
    row = found.fetchone()
    return None if row is None else Loss(row[0], checked[row[1] - 1][0], row[2])


def _lost(column: Column, text: str) -> str | None:
    """Write whether a value is changed by the cast to the type of its column; `None` where none is."""
    try:
        tree = parse(column.type)
    except ValueError:
        return None
    match tree:
        case TypeTree(head) if head in _WHOLE:
            return f"TRY_CAST({text} AS DOUBLE) <> trunc(TRY_CAST({text} AS DOUBLE))"
        case TypeTree("DECIMAL", (_, scale)):
            further = r"\.[0-9]{" + scale.strip() + "}[0-9]*[1-9]"
            return f"regexp_matches({text}, {literal(further)})"
        case TypeTree("DATE"):
            return f"TRY_CAST({text} AS TIMESTAMP) <> date_trunc('day', TRY_CAST({text} AS TIMESTAMP))"
        case _:
            return None
