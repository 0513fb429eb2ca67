"""What DuckDB says when it refuses, taken apart: kind, message, place, and what it thought of instead."""

import json
import re
from typing import Any

import duckdb
import msgspec

#: How lines begin that say what DuckDB would do; what we would do is in the hint.
_ADVICE = ("candidate", "possible", "did you mean", "line 1:", "try setting", "this limit was set", "at:")
#: An error of a Python function can say as much as it likes.
_SENTENCE_LENGTH_MAX = 2000


class Complaint(msgspec.Struct, frozen=True):
    """An error of DuckDB. `position` is an offset in the statement: in characters for a parser error, else in bytes."""

    kind: str
    subtype: str
    message: str
    position: int | None
    name: str
    candidates: tuple[str, ...]


def complaint_of(error: duckdb.Error) -> Complaint:
    """Read an error; one that is no JSON (as from Python functions) keeps its text as the message."""
    text = str(error)
    fields = _fields(text)
    position = fields.get("position")
    return Complaint(
        kind=str(fields.get("exception_type", type(error).__name__.removesuffix("Exception"))),
        subtype=str(fields.get("error_subtype", "")),
        message=str(fields.get("exception_message", text)).strip(),
        position=int(position) if position is not None else None,
        name=str(fields.get("name", "")),
        candidates=tuple(c for c in str(fields.get("candidates", "")).split(",") if c),
    )


def sentence(message: str) -> str:
    """Keep what a message says, without the lists of candidates and of settings that DuckDB appends."""
    kept: list[str] = []
    for line in message.splitlines():
        if line.strip().lower().startswith(_ADVICE):
            break
        kept.append(line.strip())
    said = " ".join(line for line in kept if line) or message.strip()
    return said if len(said) <= _SENTENCE_LENGTH_MAX else said[: _SENTENCE_LENGTH_MAX - 3] + "..."


def python_line(message: str, path: str) -> int | None:
    """The deepest line of the file `path` among the frames that a Python error lists; `None` when it has none."""
    found = re.findall(rf"^\s+(?:.*/)?{re.escape(path)}\((\d+)\): ", message, re.MULTILINE)
    return int(found[0]) if found else None


def _fields(text: str) -> dict[str, Any]:
    start = text.find("{")
    if start < 0:
        return {}
    try:
        fields = json.loads(text[start:])
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) and "exception_message" in fields else {}
