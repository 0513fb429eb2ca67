"""What a build would do, with the reason of each task, grouped by what would become of it."""

from collections.abc import Mapping
from typing import Any

from relspec.ui.render.page import Page
from relspec.ui.render.problems import problem_lines
from relspec.ui.render.text import cells, clip, escape, pad

_GROUPS = (
    ("execute", "would execute", "green"),
    ("may_execute", "may execute, depending on what those above give", "yellow"),
    ("restore", "would restore", "cyan"),
    ("cut_off", "would cut off", "dim"),
    ("blocked", "blocked", "yellow"),
)


def plan_lines(document: Mapping[str, Any], page: Page) -> list[str]:
    """Show every group that is not empty. Entries are a task's name, or `{"task", "reason"}`."""
    lines = problem_lines(document["problems"], page)
    for key, title, style in _GROUPS:
        if document[key]:
            lines += [page.paint(f"{title}:", style), *_entries(document[key], page)]
    if not any(document[key] for key, _, _ in _GROUPS):
        lines.append("nothing to do")
    return lines


def _entries(entries: list[Any], page: Page) -> list[str]:
    pairs = [(escape(name), escape(reason)) for name, reason in map(_pair, entries)]
    width = max(cells(name) for name, _ in pairs)
    room = max(page.width - width - 4, 20)
    return [f"  {pad(name, width)}  {clip(reason, room)}".rstrip() for name, reason in pairs]


def _pair(entry: Any) -> tuple[str, str]:
    return (entry, "") if isinstance(entry, str) else (entry["task"], entry.get("reason") or "")
