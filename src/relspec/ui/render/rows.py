"""Rows of an output as an aligned table, cut to the width of the page.

Document: `{"output", "columns": [{"name", "type"}], "rows": [[...]], "n_rows"}`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from relspec.ui.render.page import Page
from relspec.ui.render.text import GAP, clip, counted, escape, pad, widths_of

CELL_WIDTH_MAX = 40
_NULL = "NULL"


def rows_lines(document: Mapping[str, Any], page: Page) -> list[str]:
    """Show a head of names and types, the rows, and how many rows and columns there are in all."""
    columns, rows = document["columns"], document["rows"]
    head = [[_clipped(c["name"]) for c in columns], [_clipped(c["type"]) for c in columns]]
    body = [[_cell(value) for value in row] for row in rows]
    widths = widths_of([*head, *body]) if columns else []
    n_shown = _fitting(widths, page.width)
    widths = [min(width, page.width) for width in widths[:n_shown]]
    right = [any(_is_number(row[i]) for row in rows) for i in range(n_shown)]
    lines = [page.paint(_line(head[0], widths, right), "bold"), page.paint(_line(head[1], widths, right), "dim")]
    lines += [_line(row, widths, right) for row in body]
    return [*lines, _foot(document, n_shown)] if columns else [_foot(document, 0)]


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    triples = zip(row, widths, right, strict=False)
    return GAP.join(pad(clip(cell, width), width, flush) for cell, width, flush in triples).rstrip()


def _fitting(widths: Sequence[int], room: int) -> int:
    used = -len(GAP)
    for n, width in enumerate(widths):
        used += width + len(GAP)
        if used > room:
            return max(n, 1)
    return len(widths)


def _cell(value: Any) -> str:
    if value is None:
        return _NULL
    if isinstance(value, (bool, list, dict)):
        return _clipped(json.dumps(value, ensure_ascii=False))
    return _clipped(str(value))


def _clipped(text: str) -> str:
    # Cut before it is escaped: a cell may hold megabytes.
    return clip(escape(text[: CELL_WIDTH_MAX + 1]), CELL_WIDTH_MAX)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _foot(document: Mapping[str, Any], n_columns: int) -> str:
    rows = f"{len(document['rows']):,} of {counted(document['n_rows'], 'row')}"
    all_columns = len(document["columns"])
    hidden = f", {n_columns} of {all_columns} columns" if n_columns < all_columns else ""
    return f"({rows}{hidden})"
