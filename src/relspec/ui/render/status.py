"""The state of every task as an aligned table, then the problems that hold."""

from collections.abc import Mapping
from typing import Any

from relspec.ui.render.page import Page
from relspec.ui.render.problems import problem_lines, warning_lines
from relspec.ui.render.text import GAP, clip, counted, duration, escape, pad, widths_of

_COLOURS = {"fresh": "green", "stale": "yellow", "running": "blue", "blocked": "yellow", "failed": "red"}
_HEAD = ("TASK", "STATE", "ROWS", "TIME", "EXECUTED (UTC)", "REASON")
_RIGHT = frozenset({"ROWS", "TIME"})


def status_lines(document: Mapping[str, Any], page: Page) -> list[str]:
    """Show one line a task: state, rows, the time of its last execution, and why it is not fresh."""
    tasks = document["tasks"]
    lines = problem_lines(document["problems"], page)
    if tasks:
        rows = [_HEAD, *(_row(task) for task in tasks)]
        widths = widths_of(rows)
        states = [None, *(task["state"] for task in tasks)]
        lines += [_line(row, widths, state, page) for row, state in zip(rows, states, strict=True)]
    return [*lines, *warning_lines(document.get("warnings", ()), page), _sum(document)]


def _row(task: Mapping[str, Any]) -> tuple[str, ...]:
    name, output = escape(task["name"]), escape(task["output"])
    return (
        name if name == output else f"{name} -> {output}",
        escape(task["state"]),
        "-" if task["rows"] is None else f"{task['rows']:,}",
        "-" if task["ms"] is None else duration(task["ms"]),
        "-" if task["executed_at"] is None else _moment(task["executed_at"]),
        # Of a fresh task it is why it ran last, which would read as if something were wrong with it.
        "" if task["state"] == "fresh" else escape(task["reason"] or ""),
    )


def _moment(at: str) -> str:
    """Shorten an ISO moment in UTC, as documents have it, to the second."""
    return escape(at.partition(".")[0].removesuffix("+00:00").replace("T", " "))


def _line(row: tuple[str, ...], widths: list[int], state: str | None, page: Page) -> str:
    padded = [pad(cell, width, head in _RIGHT) for cell, width, head in zip(row, widths, _HEAD, strict=True)]
    if state is None:
        return page.paint(GAP.join(padded).rstrip(), "dim")
    used = sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
    padded[-1] = clip(row[-1], max(page.width - used, 20))
    padded[1] = page.paint(padded[1], _COLOURS.get(state, "bold"))
    return GAP.join(padded).rstrip()


def _sum(document: Mapping[str, Any]) -> str:
    counts: dict[str, int] = {}
    for task in document["tasks"]:
        counts[task["state"]] = counts.get(task["state"], 0) + 1
    states = ", ".join(f"{n} {escape(state)}" for state, n in counts.items()) or "no tasks"
    revision = "nothing built yet" if document["revision"] is None else f"revision {document['revision']}"
    daemon = document["daemon"]
    runs = f"daemon runs (pid {daemon['pid']})" if daemon["running"] else "no daemon"
    problems = f", {counted(len(document['problems']), 'problem')}" if document["problems"] else ""
    return f"{states}{problems}; {revision}; {runs}"
