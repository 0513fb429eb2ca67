"""One task: why it ran or did not (a chain from the file down to it), and what it is made of."""

from collections.abc import Mapping, Sequence
from typing import Any

from relspec.ui.render.page import Page
from relspec.ui.render.text import cells, escape, escaped_lines, pad

_DID = {
    "executed": "executed",
    "restored": "was restored",
    "cut_off": "was cut off",
    "blocked": "was blocked",
    "failed": "failed",
    "never": "has never run",
}


def why_lines(document: Mapping[str, Any], page: Page) -> list[str]:
    """Show the last decision on a task: the rules that fired, and the chain with one step a line."""
    name, action = page.paint(escape(document["task"]), "bold"), document["action"]
    run = "" if document["run"] is None else f" in run {escape(str(document['run']))}"
    at = "" if document["at"] is None else f" at {escape(str(document['at']))}"
    lines = [f"{name} is {escape(document['state'])}: it {_DID.get(action, escape(action))}{run}{at}"]
    lines += [line for reason in document["reasons"] for line in _reason(reason, page)]
    steps = [_step(step) for step in document["chain"]]
    return lines + [f"  {'   ' * depth}{'└─ ' if depth else ''}{step}" for depth, step in enumerate(steps)]


def _reason(reason: Mapping[str, Any], page: Page) -> list[str]:
    lines = [f"  {page.paint(escape(reason['rule']), 'cyan')}: {escape(reason['because'])}"]
    if reason["upstream"]:
        columns = ", ".join(escape(column) for column in reason["columns"] or ())
        lines.append(f"    from {escape(reason['upstream'])}" + (f" ({columns})" if columns else ""))
    return lines


def _step(step: Any) -> str:
    """Show one step: text, or an object whose values are its words (`{"kind": "file", "name": "a.sql"}`)."""
    if isinstance(step, Mapping):
        return " ".join(_step(value) for value in step.values() if value not in (None, [], ""))
    if isinstance(step, Sequence) and not isinstance(step, str):
        return ", ".join(_step(value) for value in step)
    return escape(str(step))


def explain_lines(document: Mapping[str, Any], page: Page) -> list[str]:
    """Show what a task is made of: inputs, schema with lineage, fingerprint and the SQL that executes."""
    head = (
        f"{page.paint(escape(document['task']), 'bold')} -> {escape(document['output'])} ({escape(document['kind'])})"
    )
    lines = [head, f"fingerprint {escape(document['fingerprint'])}", "", page.paint("inputs", "cyan")]
    for dataset, columns in document["inputs"].items():
        lines += [f"  {escape(dataset)}", *_typed(columns, {}, "    ", "(only the number of rows)")]
    if not document["inputs"]:
        lines.append("  (none)")
    lines += ["", page.paint("columns", "cyan"), *_typed(document["schema"], document["lineage"], "  ", "(none)")]
    sql = [f"  {line}".rstrip() for line in escaped_lines(document["sql"].rstrip())]
    return [*lines, "", page.paint("sql", "cyan"), *sql]


def _typed(columns: Mapping[str, str], lineage: Mapping[str, Any], indent: str, empty: str) -> list[str]:
    if not columns:
        return [indent + empty]
    shown = [(escape(name), escape(type_), _origins(lineage.get(name, ()))) for name, type_ in columns.items()]
    names = max(cells(name) for name, _, _ in shown)
    types = max(cells(type_) for _, type_, _ in shown)
    return [f"{indent}{pad(name, names)}  {pad(type_, types)}{from_}".rstrip() for name, type_, from_ in shown]


def _origins(pairs: Sequence[Sequence[str]]) -> str:
    return "  <- " + ", ".join(f"{escape(dataset)}.{escape(column)}" for dataset, column in pairs) if pairs else ""
