"""The outcome of a build or a check: problems first, then what became of each task, then one line that sums up."""

from collections.abc import Mapping
from typing import Any

from relspec.ui.render.page import Page
from relspec.ui.render.problems import problem_lines, warning_lines
from relspec.ui.render.text import clip, counted, duration, escape, pad

#: The key of the document, the words for it, and its colour; in the order of interest.
_ACTIONS = (
    ("failed", "failed", "red"),
    ("blocked", "blocked", "yellow"),
    ("executed", "executed", "green"),
    ("restored", "restored", "cyan"),
)


def build_lines(document: Mapping[str, Any], page: Page) -> list[str]:
    """Show what a build did. Where the document has `tasks`, each with `ms` and `because`, these are shown too."""
    lines = problem_lines(document["problems"], page)
    facts = {fact["task"]: fact for fact in document.get("tasks", ())}
    for key, word, style in _ACTIONS:
        lines += [_task(word, style, name, facts.get(name, {}), page) for name in document[key]]
    return [*lines, *warning_lines(document.get("warnings", ()), page), _sum(document, page)]


def _task(word: str, style: str, name: str, fact: Mapping[str, Any], page: Page) -> str:
    parts = [escape(name)]
    if word == "executed" and fact.get("ms") is not None:
        parts.append(duration(fact["ms"]))
    if fact.get("because"):
        parts.append(escape(fact["because"]))
    shown = clip("  ".join(parts), max(page.width - 10, 20))
    return f"{page.paint(pad(word, 8), style)}  {shown}"


def _sum(document: Mapping[str, Any], page: Page) -> str:
    counts = [f"{len(document[key])} {word}" for key, word, _ in reversed(_ACTIONS) if document[key]]
    if document["cut_off"]:
        counts.append(f"{len(document['cut_off'])} cut off")
    what = ", ".join(counts) if counts else "nothing to do"
    if document["problems"]:
        what += f", {counted(len(document['problems']), 'problem')}"
    if document.get("warnings"):
        what += f", {counted(len(document['warnings']), 'warning')}"
    mark = page.paint("ok", "green") if document["ok"] else page.paint("not ok", "red")
    revision = "" if document["revision"] is None else f" at revision {document['revision']}"
    return f"{mark}: {what}{revision} in {duration(document['ms'])}"


def check_lines(document: Mapping[str, Any], page: Page) -> list[str]:
    """Show what is wrong without anything having run."""
    problems, warnings = document["problems"], document.get("warnings", ())
    lines = [*problem_lines(problems, page), *warning_lines(warnings, page)]
    more = f", {counted(len(warnings), 'warning')}" if warnings else ""
    if problems:
        return [*lines, page.paint(counted(len(problems), "problem"), "red") + more]
    return [*lines, page.paint("ok", "green") + ": no problems" + more]
