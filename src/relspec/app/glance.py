"""Answers `status` without a daemon from the last committed state: no heavy import on the way.

What changed on disk since then is shown as stale. New files are not seen; `status --sync` looks at everything.
"""

from datetime import UTC, datetime
from typing import Any

from relspec.core.errors import UnknownNameError
from relspec.core.layout import Layout
from relspec.edges.store.glance import glance

Document = dict[str, Any]
_STATUS_KEYS = ("name", "output", "kind", "state", "rows", "fingerprint", "executed_at", "ms", "reason")
_PROBLEM_KEYS = ("code", "task", "path", "line", "column", "message", "hint")


def status(layout: Layout, tasks: list[str]) -> tuple[int, Document]:
    """The exit code and the document of `status`; raises UnknownNameError."""
    seen = glance(layout.database, layout.root)
    names = {row["name"] for row in seen.statuses} | {row["output"] for row in seen.statuses}
    for task in tasks:
        if task not in names:
            raise UnknownNameError("task", task, names)
    rows = [r for r in seen.statuses if not tasks or r["name"] in tasks or r["output"] in tasks]
    problems = [{k: p[k] for k in _PROBLEM_KEYS} for p in seen.problems if not tasks or p["task"] in tasks]
    named = {r["name"] for r in rows}
    warnings = [{k: w[k] for k in _PROBLEM_KEYS} for w in seen.warnings if not tasks or w["task"] in named]
    lines = [_line(row, seen.stale.get(row["name"])) for row in rows]
    broken = any(line["state"] in {"blocked", "failed"} for line in lines)
    document = {
        "daemon": {"running": False, "pid": None},
        "revision": seen.revision,
        "tasks": lines,
        "problems": problems,
        "warnings": warnings,
    }
    return int(bool(problems) or broken), document


def _line(row: dict[str, Any], moved: str | None) -> Document:
    line = {key: row[key] for key in _STATUS_KEYS}
    if line["executed_at"] is not None:
        line["executed_at"] = datetime.fromtimestamp(line["executed_at"], UTC).isoformat(timespec="milliseconds")
    if line["ms"] is not None:
        line["ms"] = round(line["ms"], 3)
    if moved is not None and line["state"] == "fresh":
        line["state"], line["reason"] = "stale", f"{moved} changed since the last build"
    return line
