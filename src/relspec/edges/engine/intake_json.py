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
import msgspec

from relspec.core.dataset import Format, Reader
from relspec.core.schema import Column
from relspec.core.types import replaced
from relspec.core.work import Intake
from relspec.edges.engine.complaint import complaint_of, sentence
from relspec.edges.engine.lossless import Value, first_loss, losing, lost_as_double
from relspec.edges.engine.refusal import RefusedError, drifted, misfit, set_type_hint, unreadable
from relspec.edges.engine.sql import file_literal, identifier, literal, struct_literal
from relspec.edges.engine.tabular import Tabular

_LINE = re.compile(r"in line (\d+)")
_NUMBER = r"[:\[,]\s*(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
#: What a line has where a DOUBLE may not keep a number in it: 16 digits around a point, or a far exponent.
_LONG = "|".join([r"[0-9]{16}[eE]", r"[eE]-[0-9]{3}", *(rf"[0-9]{{{n}}}\.[0-9]{{{16 - n}}}" for n in range(1, 16))])
#: What is guessed too narrowly becomes text.
_TEXT = dict.fromkeys(("DOUBLE", "TIME", "TIMESTAMP"), "VARCHAR")
_RENAMED = re.compile(r"^(.*)_\d+$", re.DOTALL)


def open_json(connection: duckdb.DuckDBPyConnection, request: Intake) -> Tabular:
    """Find the columns of the whole file, and read it with their fixed types."""
    found = _found(connection, request)
    _check_renamed(connection, request, found)
    fixed = {c.name.lower(): c.type for c in request.reader.columns} if request.reader is not None else {}
    fixed |= {name.lower(): type_ for name, type_ in request.types}
    _check_digits(connection, request)
    guessed = _yielding(connection, request, [c for c in found if c.name.lower() not in fixed])
    fixed |= {column.name.lower(): column.type for column in guessed}
    columns = tuple(Column(c.name, fixed[c.name.lower()]) for c in found)
    reader = Reader(Format.JSONL, columns, "", "", "", header=False)
    if request.reader is not None or request.types:
        _check_lossless(connection, request, columns)

    def refuse(error: duckdb.Error) -> RefusedError:
        return _refusal(connection, request, columns, error)

    return Tabular(_source(request, columns), columns, (), reader, refuse)


def _check_lossless(connection: duckdb.DuckDBPyConnection, request: Intake, columns: Sequence[Column]) -> None:
    """Refuse a value that would be rounded or cut to the type of its column."""
    try:
        loss = first_loss(connection, _as_json(request, columns), _values(request, columns))
    except duckdb.Error as error:
        raise _refusal(connection, request, columns, error) from error
    if loss is not None:
        raise misfit(request, loss.column, loss.text, _line_of(request, loss.row))


def _yielding(connection: duckdb.DuckDBPyConnection, request: Intake, columns: Sequence[Column]) -> tuple[Column, ...]:
    """Make text of what is guessed in those columns whose types would change a value."""
    if not columns:
        return ()
    try:
        lost = losing(connection, _as_json(request, columns), _values(request, columns))
    except duckdb.Error as error:
        raise _refusal(connection, request, columns, error) from error
    return tuple(Column(c.name, replaced(c.type, _TEXT)) if c.name in lost else c for c in columns)


def _check_digits(connection: duckdb.DuckDBPyConnection, request: Intake) -> None:
    """Refuse a number with a point that a DOUBLE does not keep: DuckDB reads each as one, whatever its column."""
    reals = f"list_filter(regexp_extract_all(json, {literal(_NUMBER)}, 1), lambda x: regexp_matches(x, '[.eE]'))"
    lost = f"list_filter({reals}, lambda x: {lost_as_double('x')})"
    told = f"CASE WHEN regexp_matches(json, {literal(_LONG)}) THEN {lost} ELSE [] END"
    numbered = f"SELECT row_number() OVER () AS nth, json::VARCHAR AS line, {told} AS lost FROM {_objects(request)}"
    try:
        rows = connection.execute(f"SELECT nth, line, lost FROM ({numbered}) WHERE len(lost) > 0")
        while (row := rows.fetchone()) is not None:
            nth, line, texts = row
            # What looks like a number may stand in a string.
            found = _place_of(line, texts)
            if found is not None:
                key, text = found
                said = f"the number {text} in the column {key!r} has more digits than a DOUBLE keeps"
                hint = f'write it as a string, "{text}", or with at most 15 digits'
                raise drifted(request, said, line=_line_of(request, nth), hint=hint)
    except duckdb.Error as error:
        raise _malformed(request, complaint_of(error).message) from error


def _place_of(line: str, texts: Sequence[str]) -> tuple[str, str] | None:
    """Find the first key of an object whose value holds one of these numbers, and the number."""
    for key, value in json.loads(line, parse_float=lambda text: _Real(text) if text in texts else 0.0).items():
        real = _real_in(value)
        if real is not None:
            return key, real.text
    return None


class _Real(msgspec.Struct, frozen=True):
    text: str


def _real_in(value: object) -> _Real | None:
    match value:
        case _Real():
            return value
        case dict():
            return next((found for part in value.values() if (found := _real_in(part))), None)
        case list():
            return next((found for part in value if (found := _real_in(part))), None)
        case _:
            return None


def _objects(request: Intake) -> str:
    return f"read_json_objects({file_literal(request.path)}, format='newline_delimited')"


def _values(request: Intake, columns: Sequence[Column]) -> list[Value]:
    chosen = {name.lower() for name, _ in request.types}
    return [Value(c, identifier(c.name), c.name.lower() in chosen, json=True) for c in columns]


def _as_json(request: Intake, columns: Sequence[Column]) -> str:
    return _source(request, [Column(column.name, "JSON") for column in columns])


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
    keys = connection.execute(f"SELECT DISTINCT unnest(json_keys(json)) FROM {_objects(request)}").fetchall()
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
