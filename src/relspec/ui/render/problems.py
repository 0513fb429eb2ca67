"""Problems as compilers show them: place, sentence, the line with a caret, a hint.

tasks/revenue.py:7:12: error unknown-column: orders has no column 'amout'
    7 |     return orders.amout
      |            ^
  hint: did you mean 'amount'?
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from relspec.core import problem as core
from relspec.core.warning import TaskWarning
from relspec.ui.render.page import Page
from relspec.ui.render.text import cells, escape, escaped_lines

Problem = Mapping[str, Any]
#: Where an excerpt is cut on the left, the caret keeps so many cells before it.
_LEAD = 20


def problem_lines(problems: Sequence[Problem], page: Page) -> list[str]:
    """Show every problem, in the order given."""
    return [line for problem in problems for line in _one(problem, page)]


def warning_lines(warnings: Sequence[Problem], page: Page) -> list[str]:
    """Show every warning like a problem, under its own name."""
    return [line for warning in warnings for line in _one(warning, page, ("warning", "yellow"))]


def document_of(problem: core.Problem | TaskWarning) -> Problem:
    """Say a problem or a warning as it stands in documents."""
    return {field.name: getattr(problem, field.name) for field in fields(problem)} | {"code": problem.code.value}


def place_of(problem: Problem) -> str:
    """Name the place as editors understand it, `path:line:column`; the task where there is no file."""
    if problem["path"] is None:
        return "" if problem["task"] is None else f"task {escape(problem['task'])}"
    parts = (problem["path"], problem["line"], problem["column"])
    return ":".join(escape(str(part)) for part in parts if part is not None)


def _one(problem: Problem, page: Page, word: tuple[str, str] = ("error", "red")) -> list[str]:
    first, *more = escaped_lines(problem["message"])
    place = place_of(problem)
    head = page.paint(f"{place}: ", "bold") if place else ""
    lines = [f"{head}{page.paint(*word)} {escape(problem['code'])}: {first}"]
    lines += [f"  {line}" for line in more]
    lines += _excerpt(problem, page)
    if problem["hint"] is not None:
        first, *more = escaped_lines(problem["hint"])
        lines += [f"  {page.paint('hint', 'cyan')}: {first}", *(f"        {line}" for line in more)]
    return lines


def _excerpt(problem: Problem, page: Page) -> list[str]:
    path, number, column = problem["path"], problem["line"], problem["column"]
    source = None if path is None or number is None else page.source(path, number)
    if source is None or not source.strip():
        return []
    margin = f"{number:>5} | "
    shown, caret = _window(source, column, max(page.width - len(margin), 2 * _LEAD))
    lines = [page.paint(margin, "dim") + shown]
    if caret is not None:
        lines.append(page.paint(f"{'':>5} | ", "dim") + " " * caret + page.paint("^", "red"))
    return lines


def _window(source: str, column: int | None, width: int) -> tuple[str, int | None]:
    """Cut the part of a long line that has the caret; give it with the caret's cell."""
    text = _shown(source)
    if column is None:
        return text[:width], None
    before = _shown(source[: column - 1])
    start = max(len(before) - _LEAD, 0) if len(text) > width else 0
    return text[start : start + width], cells(before[start:])


def _shown(source: str) -> str:
    # Tabs first, then escapes: both change widths, and the caret has to follow.
    return escape(source.rstrip("\r\n").expandtabs(4))
