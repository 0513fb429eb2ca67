"""JSON lines: one object a line. Types are fixed when a source is first seen; new keys add columns.

With explicit columns DuckDB passes over keys that it was not told of, so the columns are looked up anew each time, in
the whole file, and only the types of known columns are taken from before.
"""

import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from relspec.core.dataset import Format, Reader
from relspec.core.schema import Column
from relspec.core.work import Intake
from relspec.edges.engine.complaint import complaint_of, sentence
from relspec.edges.engine.lossless import first_loss
from relspec.edges.engine.refusal import RefusedError, drifted, misfit, set_type_hint, unreadable
from relspec.edges.engine.sql import file_literal, identifier, struct_literal
from relspec.edges.engine.tabular import Tabular

_LINE = re.compile(r"in line (\d+)")
_RENAMED = re.compile(r"^(.*)_\d+$", re.DOTALL)


def open_json(connection: duckdb.DuckDBPyConnection, request: Intake) -> Tabular:
    """Find the columns of the whole file, and read it with their fixed types."""
    found = _found(connection, request)
    _check_renamed(connection, request, found)
    fixed = {c.name.lower(): c.type for c in request.reader.columns} if request.reader is not None else {}
    fixed |= {name.lower(): type_ for name, type_ in request.types}
    columns = tuple(Column(c.name, fixed.get(c.name.lower(), c.type)) for c in found)
    reader = Reader(Format.JSONL, columns, "", "", "", header=False)
    if request.reader is not None or request.types:
        _check_lossless(connection, request, columns)

    def refuse(error: duckdb.Error) -> RefusedError:
        return _refusal(connection, request, columns, error)

    return Tabular(_source(request, columns), columns, (), reader, refuse)


def _check_lossless(connection: duckdb.DuckDBPyConnection, request: Intake, columns: Sequence[Column]) -> None:
    """Refuse a value that would be rounded or cut to the type of its column."""
    texts = [(column, f"({identifier(column.name)} ->> '$')") for column in columns]
    source = _source(request, [Column(column.name, "JSON") for column in columns])
    try:
        loss = first_loss(connection, source, texts)
    except duckdb.Error as error:
        raise _refusal(connection, request, columns, error) from error
    if loss is not None:
        raise misfit(request, loss.column, loss.text, _line_of(request, loss.row))


def _line_of(request: Intake, row: int) -> int | None:
    """The line of an object by its number: empty lines are none."""
    with Path(request.path).open("rb") as file:
        filled = (number for number, line in enumerate(file, start=1) if line.strip())
        return next(itertools.islice(filled, row - 1, None), None)


def _found(connection: duckdb.DuckDBPyConnection, request: Intake) -> tuple[Column, ...]:
    options = "format='newline_delimited', records=true, sample_size=-1"
    try:
        rows = connection.execute(
            f"DESCRIBE SELECT * FROM read_json({file_literal(request.path)}, {options})"
        ).fetchall()
    except duckdb.Error as error:
        raise _malformed(request, complaint_of(error).message) from error
    return tuple(Column(row[0], row[1]) for row in rows)


def _check_renamed(connection: duckdb.DuckDBPyConnection, request: Intake, columns: Sequence[Column]) -> None:
    """Refuse keys that differ in case alone: DuckDB renames the second one, and then finds no values for it."""
    names = {column.name.lower() for column in columns}
    suspects = [c.name for c in columns if (m := _RENAMED.match(c.name)) and m.group(1).lower() in names]
    if not suspects:
        return
    objects = f"read_json_objects({file_literal(request.path)}, format='newline_delimited')"
    keys = connection.execute(f"SELECT DISTINCT unnest(json_keys(json)) FROM {objects}").fetchall()
    there = {key for (key,) in keys}
    for name in suspects:
        if name not in there:
            message = f"there are two keys that differ in case alone, one of them {name.rsplit('_', 1)[0]!r}"
            raise unreadable(request, message, hint="rename one of them")


def _source(request: Intake, columns: Sequence[Column]) -> str:
    options = "format='newline_delimited', records=true, auto_detect=false, ignore_errors=false"
    listed = struct_literal((c.name, c.type) for c in columns)
    return f"read_json({file_literal(request.path)}, {options}, columns={listed})"


def _refusal(
    connection: duckdb.DuckDBPyConnection, request: Intake, columns: Sequence[Column], error: duckdb.Error
) -> RefusedError:
    message = complaint_of(error).message
    found = _LINE.search(message)
    if "transform error" not in message or found is None:
        return _malformed(request, message)
    line = int(found.group(1))
    reason = sentence(message.partition(f"{found.group(0)}: ")[2])
    culprit = None if "duplicate key" in message else _culprit(connection, request, columns)
    if culprit is None:
        return unreadable(request, reason, line=line)
    said = f"a value does not fit the column {culprit.name!r} of type {culprit.type}: {reason}"
    return drifted(request, said, line=line, hint=set_type_hint(request, culprit.name))


def _culprit(connection: duckdb.DuckDBPyConnection, request: Intake, columns: Sequence[Column]) -> Column | None:
    """Find the column at fault by reading each alone; the message of DuckDB does not name it."""
    for column in columns:
        connection.execute("ROLLBACK")
        connection.execute("BEGIN")
        try:
            connection.execute(f"SELECT count(COLUMNS(*)) FROM {_source(request, [column])}").fetchall()
        except duckdb.Error as error:
            if "transform error" in complaint_of(error).message:
                return column
    return None


def _malformed(request: Intake, message: str) -> RefusedError:
    """Find the first line that is no object: DuckDB counts lines from the end of what it read."""
    with Path(request.path).open("rb") as file:
        for number, line in enumerate(file, start=1):
            reason = _fault(line)
            if reason is not None:
                return unreadable(request, reason, line=number, hint="each line is to hold one JSON object")
    return unreadable(request, f"this file cannot be read: {sentence(message).replace(request.path, request.shown)}")


def _fault(line: bytes) -> str | None:
    if not line.strip():
        return None
    try:
        value = json.loads(line)
    except UnicodeDecodeError:
        return "this line is not UTF-8"
    except json.JSONDecodeError as error:
        return f"this line is no JSON: {error.msg} at character {error.pos + 1}"
    return None if isinstance(value, dict) else f"this line holds {type(value).__name__}, not an object"
