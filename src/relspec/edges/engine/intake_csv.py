"""CSV files: a dialect and types that are fixed when a source is first seen, and no row lost without a word.

DuckDB's sniffer proposes types from the whole file, and nothing more: left alone it leaves out rows that do not fit and
finds some dialect for anything. The delimiter is the one of the first line, quotes are double quotes, and the file is
then read strictly, with explicit columns. Dates are recognised in ISO form only: which of day and month comes first is
not for a tool to guess, so such columns stay text.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import duckdb
from msgspec.structs import replace

from relspec.core.dataset import Format, Reader
from relspec.core.schema import Column
from relspec.core.suggest import closest
from relspec.core.work import Intake
from relspec.edges.engine.complaint import complaint_of
from relspec.edges.engine.lossless import Value, first_loss, losing
from relspec.edges.engine.refusal import RefusedError, drifted, misfit, unreadable
from relspec.edges.engine.sql import file_literal, identifier, literal, struct_literal
from relspec.edges.engine.tabular import Tabular

_DELIMITERS = (",", ";", "\t", "|")
_QUOTE = '"'
_LINE = re.compile(r"CSV Error on Line: (\d+)")
_VALUE = re.compile(
    r"Error when converting column \"(.*?)\"\. Could not convert string \"(.*?)\" to '(.*?)'", re.DOTALL
)
_WIDTH = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
_ISO = "%Y-%m-%d"
_DIGITS_MAX = 38
#: How the types begin that the sniffer finds for more than they hold.
_WIDE = ("DOUBLE", "TIME")


def open_csv(connection: duckdb.DuckDBPyConnection, request: Intake) -> Tabular:
    """Fix the reader, at first sight or from the one that there is, and read strictly with it."""
    first = _first_record(request)
    reader = _sniffed(connection, request, first) if request.reader is None else _kept(connection, request, first)
    if request.reader is not None or request.types:
        _check_lossless(connection, request, reader)

    def refuse(error: duckdb.Error) -> RefusedError:
        return _refusal(request, reader, error)

    return Tabular(_source(request, reader), reader.columns, (), reader, refuse)


def _first_record(request: Intake) -> str:
    """Read the first line; what is not UTF-8 in it is left for the strict reader to find."""
    with Path(request.path).open(encoding="utf-8-sig", errors="replace", newline="") as file:
        lines: list[str] = []
        for line in file:
            lines.append(line)
            if "".join(lines).count(_QUOTE) % 2 == 0:
                break
    first = "".join(lines).rstrip("\r\n")
    if not first.strip():
        raise unreadable(request, "the first line is empty where the names of the columns are expected", line=1)
    return first


def _delimiter(request: Intake, first: str) -> str:
    if request.path.endswith(".tsv"):
        return "\t"
    outside = re.sub(r'"[^"]*"', "", first)
    counts = Counter({delimiter: outside.count(delimiter) for delimiter in _DELIMITERS})
    best, n = counts.most_common(1)[0]
    return best if n else ","


def _names(request: Intake, first: str, delimiter: str) -> list[str]:
    fields = next(csv.reader([first], delimiter=delimiter, quotechar=_QUOTE))
    names = [field if field.strip() else f"column{at}" for at, field in enumerate(fields)]
    repeated = [name for name, n in Counter(name.lower() for name in names).items() if n > 1]
    if repeated:
        raise unreadable(request, f"the header names the column {repeated[0]!r} twice", line=1, hint="rename one")
    return names


def _sniffed(connection: duckdb.DuckDBPyConnection, request: Intake, first: str) -> Reader:
    delimiter = _delimiter(request, first)
    escape, header, types = _proposal(connection, request, delimiter)
    header = header or bool(request.types)
    names = _names(request, first, delimiter) if header else []
    width = len(names) or len(types) or len(next(csv.reader([first], delimiter=delimiter)))
    names = names or [f"column{at}" for at in range(width)]
    if len(types) != width:
        types = ["VARCHAR"] * width
    columns = tuple(Column(name, _chosen(request, name, type_)) for name, type_ in zip(names, types, strict=True))
    _check_overrides(request, names)
    reader = Reader(Format.CSV, columns, delimiter, _QUOTE, escape, header)
    exact = replace(reader, columns=tuple(_exact(connection, request, reader, column) for column in columns))
    return _yielding(connection, request, exact)


def _yielding(connection: duckdb.DuckDBPyConnection, request: Intake, reader: Reader) -> Reader:
    """Make those columns text whose guessed types would change a value; of others the sniffer tells such values."""
    guessed = [v for v in _values(request, reader) if not v.chosen and v.column.type.startswith(_WIDE)]
    try:
        lost = losing(connection, _as_text(request, reader), guessed)
    except duckdb.Error:
        # The strict reader will say where and why, with a line.
        connection.execute("ROLLBACK")
        connection.execute("BEGIN")
        return reader
    return replace(reader, columns=tuple(Column(c.name, "VARCHAR") if c.name in lost else c for c in reader.columns))


def _proposal(connection: duckdb.DuckDBPyConnection, request: Intake, delimiter: str) -> tuple[str, bool, list[str]]:
    """Ask the sniffer for escape, header and types; without types where it finds no way to read the file."""
    options = f"delim={literal(delimiter)}, quote={literal(_QUOTE)}, comment='', sample_size=-1, strict_mode=true"
    try:
        (row,) = connection.execute(
            "SELECT Escape, HasHeader, list_transform(Columns, lambda c: c.type), SkipRows, DateFormat, TimestampFormat"
            f" FROM sniff_csv({file_literal(request.path)}, {options})"
        ).fetchall()
    except duckdb.Error:
        # The strict reader will say where and why, with a line.
        connection.execute("ROLLBACK")
        connection.execute("BEGIN")
        return _QUOTE, True, []
    escape, header, types, skipped, date_format, timestamp_format = row
    if skipped:
        # It found lines that fit together further down: something above does not, and the strict reader says what.
        return _QUOTE, True, []
    return ("\\" if escape == "\\" else _QUOTE), header, _iso_types(types, date_format, timestamp_format)


def _iso_types(types: Sequence[str], date_format: str | None, timestamp_format: str | None) -> list[str]:
    foreign = set()
    if not (date_format or _ISO).startswith(_ISO):
        foreign.add("DATE")
    if not (timestamp_format or _ISO).startswith(_ISO):
        foreign |= {"TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}
    return ["VARCHAR" if type_ in foreign else type_ for type_ in types]


def _exact(connection: duckdb.DuckDBPyConnection, request: Intake, reader: Reader, column: Column) -> Column:
    """Find another type for whole numbers that are too long for BIGINT: the sniffer rounds them to DOUBLE."""
    if column.type != "DOUBLE" or column.name.lower() in {name.lower() for name, _ in request.types}:
        return column
    name, source = identifier(column.name), _as_text(request, reader)
    fraction = f"SELECT 1 FROM {source} WHERE regexp_matches({name}, '[^0-9+-]') LIMIT 1"
    if connection.execute(fraction).fetchall():
        return column
    (row,) = connection.execute(f"SELECT max(length({name})) FROM {source}").fetchall()
    return Column(column.name, "DECIMAL(38,0)" if row[0] <= _DIGITS_MAX else "VARCHAR")


def _chosen(request: Intake, name: str, type_text: str) -> str:
    return {column.lower(): chosen for column, chosen in request.types}.get(name.lower(), type_text)


def _check_overrides(request: Intake, names: Sequence[str]) -> None:
    there = {name.lower() for name in names}
    for name, _ in request.types:
        if name.lower() not in there:
            near = closest(name, names)
            hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(names)}"
            raise drifted(request, f"types name the column {name!r}, which this file does not have", line=1, hint=hint)


def _kept(connection: duckdb.DuckDBPyConnection, request: Intake, first: str) -> Reader:
    fixed = request.reader
    assert fixed is not None
    now = _delimiter(request, first)
    if len(fixed.columns) > 1 and now != fixed.delimiter and fixed.delimiter not in first:
        message = f"columns were separated by {fixed.delimiter!r} and are separated by {now!r} now"
        raise drifted(request, message, line=1, hint="write the file as before, or rename it to make a new source")
    if not fixed.header:
        return fixed
    names = _names(request, first, fixed.delimiter)
    known = {column.name.lower(): column.type for column in fixed.columns}
    if all(name.lower() in known for name in names):
        types = [known[name.lower()] for name in names]
    else:
        sniffed = _sniffed(connection, request, first)
        types = [known.get(column.name.lower(), column.type) for column in sniffed.columns]
    columns = tuple(Column(name, _chosen(request, name, type_)) for name, type_ in zip(names, types, strict=True))
    return Reader(fixed.format, columns, fixed.delimiter, fixed.quote, fixed.escape, fixed.header)


def _check_lossless(connection: duckdb.DuckDBPyConnection, request: Intake, reader: Reader) -> None:
    """Refuse a value that would be rounded or cut to the type of its column."""
    try:
        loss = first_loss(connection, _as_text(request, reader), _values(request, reader))
    except duckdb.Error as error:
        raise _refusal(request, reader, error) from error
    if loss is not None:
        line = _line_of(request, reader, loss.row + int(reader.header))
        raise misfit(request, loss.column, loss.text, line)


def _values(request: Intake, reader: Reader) -> list[Value]:
    chosen = {name.lower() for name, _ in request.types}
    return [Value(c, identifier(c.name), c.name.lower() in chosen, json=False) for c in reader.columns]


def _as_text(request: Intake, reader: Reader) -> str:
    return _source(request, replace(reader, columns=tuple(Column(c.name, "VARCHAR") for c in reader.columns)))


def _source(request: Intake, reader: Reader) -> str:
    options = ", ".join(
        [
            "auto_detect=false, strict_mode=true, null_padding=false, ignore_errors=false, comment='', skip=0",
            f"columns={struct_literal((c.name, c.type) for c in reader.columns)}",
            f"header={str(reader.header).lower()}, delim={literal(reader.delimiter)}",
            f"quote={literal(reader.quote)}, escape={literal(reader.escape)}",
        ]
    )
    return f"read_csv({file_literal(request.path)}, {options})"


def _refusal(request: Intake, reader: Reader, error: duckdb.Error) -> RefusedError:
    message = complaint_of(error).message
    found = _LINE.search(message)
    line = _line_of(request, reader, int(found.group(1))) if found else None
    value = _VALUE.search(message)
    if value is not None:
        name, text, _ = value.groups()
        fixed = next((c.type for c in reader.columns if c.name == name), value.group(3))
        return misfit(request, Column(name, fixed), text, line)
    width = _WIDTH.search(message)
    if width is not None:
        expected, there = width.groups()
        said = f"this line has {there} values where the file has {expected} columns"
        return unreadable(request, said, line=line, hint="quote values that contain the delimiter")
    return unreadable(request, f"this line cannot be read: {_reason(message)}", line=line)


def _line_of(request: Intake, reader: Reader, record: int) -> int:
    """Turn DuckDB's number of a record into a line of the file: quoted values may hold line breaks."""
    with Path(request.path).open(encoding="utf-8-sig", errors="replace", newline="") as file:
        records = csv.reader(file, delimiter=reader.delimiter, quotechar=reader.quote)
        try:
            for _ in range(record - 1):
                next(records)
        except (csv.Error, StopIteration):
            return record
        return records.line_num + 1


def _reason(message: str) -> str:
    """Take the reason alone: before it DuckDB repeats the line, which may be long, after it come its settings."""
    before = re.split(r"\n\s*Possible ", message)[0]
    return before.strip().splitlines()[-1].strip()
