"""One task: why it ran or did not (a chain from the file down to it), and what it is made of."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from relspec.ui.render.page import Page
from relspec.ui.render.problems import problem_lines, warning_lines
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
    """Show the last decision on a task with its rules and causes; then what made its table, and what came since."""
    name, state = page.paint(escape(document["task"]), "bold"), escape(document["state"])
    lines = [f"{name} is {state}: it {_decided(document)}", *_told(document, page)]
    made, since = document["made"], document["since"]
    if made is not None:
        lines += [f"what is there is of before: it {_decided(made)}", *_told(made, page)]
    if since is not None:
        lines.append(f"run {since['run']} left it alone: {escape(since['because'])}")
    return lines


def _decided(decision: Mapping[str, Any]) -> str:
    action = decision["action"]
    run = "" if decision["run"] is None else f" in run {escape(str(decision['run']))}"
    at = "" if decision["at"] is None else f" at {_moment(decision['at'])}"
    return f"{_DID.get(action, escape(action))}{run}{at}"


def _told(decision: Mapping[str, Any], page: Page) -> list[str]:
    lines = [line for reason in decision["reasons"] for line in _reason(reason, page)]
    said = {(link["kind"], link["name"]): link["because"] for link in decision["chain"]}
    depths: dict[tuple[str, str], int] = {}
    for link in decision["chain"]:
        depth, to = depths.get((link["kind"], link["name"]), 0), link["to"]
        if to is not None:
            place = to["kind"], to["name"]
            depths[place] = max(depths.get(place, 0), depth + 1)
            if said.get(place) == link["because"]:
                # What it leads to says the same, a line below.
                link = {**link, "because": ""}  # noqa: PLW2901
        lines.append(f"  {'   ' * depth}{'└─ ' if depth else ''}{_step(link)}")
    return lines


def _moment(at: float | str) -> str:
    if isinstance(at, str):
        return escape(at)
    return datetime.fromtimestamp(at, UTC).isoformat(" ", timespec="seconds")


def _reason(reason: Mapping[str, Any], page: Page) -> list[str]:
    lines = [f"  {page.paint(escape(reason['rule']), 'cyan')}: {escape(reason['because'])}"]
    if reason["upstream"]:
        columns = ", ".join(escape(column) for column in reason["columns"] or ())
        lines.append(f"    from {escape(reason['upstream'])}" + (f" ({columns})" if columns else ""))
    return lines


def _step(step: Mapping[str, Any]) -> str:
    """Show one link: its kind and name, the columns that carried the change, and what was recorded of it."""
    columns = ", ".join(escape(column) for column in step.get("columns") or ())
    because = step.get("action" if step["kind"] == "file" else "because")
    place = f"{escape(step['kind'])} {escape(step['name'])}" + (f" ({columns})" if columns else "")
    return f"{place}: {escape(because)}" if because else place


def explain_lines(document: Mapping[str, Any], page: Page) -> list[str]:
    """Show what a task is made of: inputs, schema with lineage, fingerprint and the SQL that executes.

    A task that does not compile has no SQL and no fingerprint: then its problems say why.
    """
    head = (
        f"{page.paint(escape(document['task']), 'bold')} -> {escape(document['output'])} ({escape(document['kind'])})"
    )
    problems = problem_lines(document.get("problems", ()), page)
    warnings = warning_lines(document.get("warnings", ()), page)
    if document["sql"] is None:
        return [head, "not compiled", *problems]
    lines = [*problems, head, f"fingerprint {escape(document['fingerprint'])}"]
    if document.get("coarse"):
        lines.append(f"reads whole tables: {escape(document['coarse'])}")
    lines += _inputs("inputs", document["inputs"], page) or ["", page.paint("inputs", "cyan"), "  (none)"]
    lines += _inputs("through views", document.get("views", {}), page)
    lines += ["", page.paint("columns", "cyan"), *_typed(document["schema"], document["lineage"], "  ", "(none)")]
    sql = [f"  {line}".rstrip() for line in escaped_lines(document["sql"].rstrip())]
    return [*lines, "", page.paint("sql", "cyan"), *sql, *([""] if warnings else []), *warnings]


def _inputs(title: str, inputs: Mapping[str, Mapping[str, str]], page: Page) -> list[str]:
    lines = ["", page.paint(title, "cyan")]
    for dataset, columns in inputs.items():
        lines += [f"  {escape(dataset)}", *_typed(columns, {}, "    ", "(only the number of rows)")]
    return lines if inputs else []


def _typed(columns: Mapping[str, str], lineage: Mapping[str, Any], indent: str, empty: str) -> list[str]:
    if not columns:
        return [indent + empty]
    shown = [(escape(name), escape(type_), _origins(lineage.get(name, ()))) for name, type_ in columns.items()]
    names = max(cells(name) for name, _, _ in shown)
    types = max(cells(type_) for _, type_, _ in shown)
    return [f"{indent}{pad(name, names)}  {pad(type_, types)}{from_}".rstrip() for name, type_, from_ in shown]


def _origins(pairs: Sequence[Sequence[str]]) -> str:
    return "  <- " + ", ".join(f"{escape(dataset)}.{escape(column)}" for dataset, column in pairs) if pairs else ""
