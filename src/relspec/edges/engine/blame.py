"""Turning a complaint of DuckDB's binder into a problem at a place in the user's text.

DuckDB gives an offset in the statement that it was given: in characters where the parser complains, in bytes where the
binder does. A generated text has no lines of the user's, so its place is that of the definition.
"""

import re
from collections.abc import Iterable, Mapping

from relspec.core.problem import Code, Problem
from relspec.core.query import QueryTrouble, parse_query, place_of
from relspec.core.schema import Schema
from relspec.core.suggest import closest
from relspec.core.work import Analyse
from relspec.edges.engine.complaint import Complaint, sentence

_QUALIFIED = re.compile(r'Table "(?P<table>.*?)" does not have a column named "(?P<column>.*?)"')
_PLAIN = re.compile(r'Referenced column "(?P<column>.*?)" not found')
_TYPE = re.compile(
    r"No function matches|Cannot compare|Cannot combine|Cannot mix|Could not convert|cannot be cast|Cannot cast|"
    r"Unimplemented type for cast|type mismatch|Cannot deduce|does not support the supplied arguments",
    re.IGNORECASE,
)
_COLUMNS_SHOWN_MAX = 12


def problem_of(request: Analyse, complaint: Complaint, prefix: int, datasets: Mapping[str, Schema]) -> Problem:
    """Say what the binder refused in `request.text`, which it saw after `prefix` characters of ours.

    `datasets` are those that the text names.
    """
    line, column = _place(request, complaint, prefix)
    unknown = _QUALIFIED.search(complaint.message) or _PLAIN.search(complaint.message)
    if unknown is not None:
        found = unknown.groupdict()
        message, hint = _unknown_column(request, found["column"], found.get("table"), datasets)
        return Problem(Code.UNKNOWN_COLUMN, request.task, request.path, line, column, message, hint)
    code, hint = _classified(complaint)
    message = sentence(complaint.message)
    return Problem(code, request.task, request.path, line, column, message[:1].lower() + message[1:], hint)


def problem_of_trouble(request: Analyse, trouble: QueryTrouble) -> Problem:
    """Place what the reader of queries refused."""
    if request.generated or trouble.line is None:
        return problem_here(request, trouble.code, trouble.message, trouble.hint)
    column = trouble.column if trouble.column is not None else 1
    return Problem(trouble.code, request.task, request.path, trouble.line, column, trouble.message, trouble.hint)


def problem_here(request: Analyse, code: Code, message: str, hint: str | None) -> Problem:
    """Make a problem at the definition of the task."""
    return Problem(code, request.task, request.path, request.line, 1, message, hint)


def _place(request: Analyse, complaint: Complaint, prefix: int) -> tuple[int, int]:
    if request.generated or complaint.position is None or complaint.position < prefix:
        return request.line, 1
    offset = complaint.position - prefix
    if complaint.kind != "Parser":
        offset = len(request.text.encode()[:offset].decode("utf-8", "replace"))
    return place_of(request.text, min(offset, len(request.text)))


def _unknown_column(
    request: Analyse, column: str, table: str | None, datasets: Mapping[str, Schema]
) -> tuple[str, str | None]:
    meant = _meant(request, table, datasets)
    names = {name: [c.name for c in schema.columns] for name, schema in meant.items()}
    near = closest(column, (name for listed in names.values() for name in listed))
    hint = f"did you mean {near!r}?" if near is not None else None
    if len(names) == 1:
        ((dataset, listed),) = names.items()
        return f"{dataset} has no column {column!r}; it has {_listed(listed)}", hint
    if not names:
        return f"there is no column {column!r} here", hint
    offers = "; ".join(f"{dataset} has {_listed(listed)}" for dataset, listed in names.items())
    return f"no column {column!r} is in scope: {offers}", hint


def _meant(request: Analyse, table: str | None, datasets: Mapping[str, Schema]) -> Mapping[str, Schema]:
    """Find the datasets that may have been meant: the one behind an alias, or all that the text names."""
    if table is None:
        return datasets
    query = parse_query(request.text)
    mentions = () if isinstance(query, QueryTrouble) else query.mentions
    behind = {m.name.lower() for m in mentions if m.node.alias_or_name.lower() == table.lower()}
    return {name: schema for name, schema in datasets.items() if name.lower() in behind} or datasets


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    shown = ", ".join(names[:_COLUMNS_SHOWN_MAX])
    more = len(names) - _COLUMNS_SHOWN_MAX
    return f"{shown} and {more} more" if more > 0 else shown


def _classified(complaint: Complaint) -> tuple[Code, str | None]:
    near = f"did you mean {complaint.candidates[0]!r}?" if complaint.candidates else None
    if complaint.kind == "Parser":
        if complaint.message.startswith("memory exhausted"):
            return Code.UNSUPPORTED_SQL, "it is nested too deeply: name inner queries in a WITH clause"
        return Code.SYNTAX, None
    if complaint.subtype == "MISSING_ENTRY" and complaint.message.startswith("Table "):
        return Code.UNSUPPORTED_SQL, "name the dataset plainly, in FROM or JOIN"
    if complaint.kind == "Permission":
        return Code.UNSUPPORTED_SQL, "name the file as a source in watch.toml, and select from the source's name"
    if complaint.kind in ("Mismatch Type", "Conversion") or _TYPE.search(complaint.message):
        return Code.TYPE, "cast one side to the type of the other"
    return Code.SQL, near if complaint.subtype == "MISSING_ENTRY" else None
