"""The verb execute: run one query over one snapshot of its inputs, and write its object.

The datasets of the request exist as views `main.<dataset>` for the time of the request and nothing else does; where an
engine can, it puts them in the place of their names (`in_place`), which is the same and takes less. The result is
collected first, so that checks, the Parquet file and the digests see one and the same result. An input that
moved meanwhile makes the answer worthless, whatever it was. This module does not load sqlglot: the process that runs
Python functions of the user calls it too.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import duckdb

from relspec.core.dataset import Dataset
from relspec.core.digest import BagDigest, digest_of
from relspec.core.problem import Code, Problem
from relspec.core.schema import Column
from relspec.core.types import canonical_type, heads
from relspec.core.work import Execute, Executed
from relspec.edges.engine.bags import bags_of
from relspec.edges.engine.complaint import complaint_of, python_line, sentence
from relspec.edges.engine.connection import UserFunction, columns_of, registered, scratch
from relspec.edges.engine.objects import check_contents, check_stamps, parts_of, settle, temporary_path
from relspec.edges.engine.sql import empty_table, identifier, literal, read_parquet, selection

#: No dataset can be meant by this name: queries name their datasets as `main.<dataset>` and this one is temporary.
_RESULT = '"__relspec_result__"'
_INTERVAL_HINT = "store it as text, or as a number of microseconds"
#: Parquet holds intervals in months, days and milliseconds, and what it does to variants is the writer's choice.
_LOSSY = frozenset({"INTERVAL", "VARIANT"})
#: Parts of the names of all that draws random numbers.
_CHANCE = re.compile("random|uuid|sample|reservoir|setseed", re.IGNORECASE)

#: Puts what gives the rows of a dataset in the place of its name, in a query over some; `None` where it does not.
Placing = Callable[[str, Sequence[Dataset], Callable[[Dataset], str]], str | None]


def execute(
    connection: duckdb.DuckDBPyConnection,
    request: Execute,
    functions: Mapping[str, UserFunction],
    placed: Placing | None = None,
) -> Executed | Problem:
    """Run the query and store its result; `functions` are the Python functions that it calls, by name in the SQL.

    Without `placed` the query finds its inputs as views.

    Raises InputMovedError when an input is gone, changed while it was read, or is an object with rotten bytes.
    """
    parts = parts_of(request.inputs)
    check_stamps(parts)
    with registered(connection, request.udfs, functions), scratch(connection):
        answer = _attempt(connection, request, placed)
    check_stamps(parts)
    if isinstance(answer, Problem):
        check_contents(parts)
    return answer


def write_parquet(connection: duckdb.DuckDBPyConnection, query: str, path: str) -> int:
    """Write a query's rows in their order; returns how many.

    Zstandard: a million rows of eight columns took as long as with Snappy (360 ms) and a fifth fewer bytes, which are
    hashed and synced afterwards.
    """
    rows = connection.execute(f"COPY ({query}) TO {literal(path)} (FORMAT parquet, COMPRESSION zstd)").fetchall()
    return int(rows[0][0])


def _attempt(connection: duckdb.DuckDBPyConnection, request: Execute, placed: Placing | None) -> Executed | Problem:
    try:
        found = _collected(connection, request, placed)
        return _mismatch(request, found) or _store(connection, request, found)
    except duckdb.Error as error:
        return failure(request, error)


#: What a query is told before any of it runs.
_NOT_BOUND = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)


def _collected(connection: duckdb.DuckDBPyConnection, request: Execute, placed: Placing | None) -> tuple[Column, ...]:
    """Collect the result; its columns."""
    sql = None if placed is None else placed(request.sql, request.inputs, _rows_of)
    if sql is not None:
        with suppress(*_NOT_BOUND):
            found = _collect(connection, request, sql, ())
            if _mismatch(request, found) is None:
                return found
        # Compiled, it was bound to names: with those it is what it was, or told what is wrong with it.
        connection.execute("ROLLBACK; BEGIN")
    return _collect(connection, request, request.sql, map(_view, request.inputs))


def _collect(
    connection: duckdb.DuckDBPyConnection, request: Execute, sql: str, views: Iterable[str]
) -> tuple[Column, ...]:
    # In one call, which saves 40 us for each; the query comes alone, since it can ask for the text of its call.
    before = [*views, *_seeding(request)]
    if before:
        connection.execute(";\n".join(before)).fetchall()
    connection.execute(f"CREATE TEMP TABLE {_RESULT} AS {sql}")
    return columns_of(connection, f"FROM {_RESULT}")


#: What the system says when it is short of something, or broken: no query is to blame.
_REFUSALS = (
    *("No space left on device", "Disk quota exceeded", "Input/output error", "Too many open files"),
    *("Read-only file system", "Permission denied"),
)


def _seeding(request: Execute) -> list[str]:
    """Set the seed for a query that may ask for chance; it takes 0.3 ms, and most ask for none."""
    return [f"SELECT setseed({seed_of(request.key)})"] if _CHANCE.search(request.sql) else []


def seed_of(key: str) -> float:
    """Draw the seed of an execution from its key: random(), uuid() and samples come out alike for the same key.

    It is set before each query, so none sees what an earlier one left of the generator.
    """
    return int(digest_of("seed", key)[:8], 16) / 2**31 - 1


def _view(dataset: Dataset) -> str:
    if not dataset.parts:
        return empty_table(dataset.name, dataset.schema.columns)
    return f"CREATE VIEW main.{identifier(dataset.name)} AS {_rows_of(dataset)}"


def _rows_of(dataset: Dataset) -> str:
    return selection(dataset.schema.columns, read_parquet([part.path for part in dataset.parts]))


def _mismatch(request: Execute, found: Sequence[Column]) -> Problem | None:
    there = [column.name for column in found]
    expected = [column.name for column in request.schema.columns]
    if [name.lower() for name in there] == [name.lower() for name in expected]:
        return None
    message = f"the query gave the columns {', '.join(there)} where {', '.join(expected)} were compiled"
    return _problem(request, Code.EXECUTION, message, None)


def _store(connection: duckdb.DuckDBPyConnection, request: Execute, found: Sequence[Column]) -> Executed | Problem:
    query = _as_stored(request, found)
    with _temporary(request.temporary) as path:
        rows = write_parquet(connection, query, path)
        lost = _lost(connection, request, query, path)
        if lost is not None:
            return lost
        # A fifth of what executing costs, and nobody may have asked.
        bags = _bags(connection, f"({query})", request.column_sets) if request.column_sets else ()
        content, size = settle(path, request.objects)
    return Executed(content, rows, size, bags)


def _as_stored(request: Execute, found: Sequence[Column]) -> str:
    pairs = zip(found, request.schema.columns, strict=True)
    if all(have.name == want.name and canonical_type(have.type) == canonical_type(want.type) for have, want in pairs):
        return f"SELECT * FROM {_RESULT}"
    return selection(request.schema.columns, _RESULT)


@contextmanager
def _temporary(directory: str) -> Iterator[str]:
    path = temporary_path(directory, ".parquet")
    try:
        yield path
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)


def _lost(connection: duckdb.DuckDBPyConnection, request: Execute, query: str, path: str) -> Problem | None:
    """Read the columns of doubtful types back, and name the first that came back as something else."""
    doubtful = [(column,) for column in request.schema.columns if heads(column.type) & _LOSSY]
    if not doubtful:
        return None
    written = _bags(connection, f"({query})", doubtful)
    read = _bags(connection, read_parquet([path]), doubtful)
    for (column,), before, after in zip(doubtful, written, read, strict=True):
        if before != after:
            message = f"column {column.name!r} of type {column.type} holds values that Parquet would change"
            return _problem(request, Code.EXECUTION, message, _INTERVAL_HINT)
    return None


def _bags(
    connection: duckdb.DuckDBPyConnection, source: str, column_sets: Sequence[Sequence[Column]]
) -> tuple[BagDigest, ...]:
    return bags_of(connection, source, column_sets)[1]


def failure(request: Execute, error: duckdb.Error) -> Problem:
    """Say why a query failed while it ran, at the place of its task."""
    if isinstance(error, duckdb.OutOfMemoryException):
        message = f"the query needs more memory than it may use: {sentence(complaint_of(error).message)}"
        setting = "spill_mb" if "max_temp_directory_size" in str(error) else "memory_mb"
        return _problem(request, Code.MEMORY, message, f"raise {setting} under [limits] in watch.toml, or read less")
    complaint = complaint_of(error)
    if isinstance(error, duckdb.IOException) and any(words in complaint.message for words in _REFUSALS):
        message = f"the machine refused: {sentence(complaint.message)}"
        return _problem(request, Code.MACHINE, message, "free space, or give rights back; it is tried again by itself")
    if "negative intervals" in complaint.message:
        names = [repr(column.name) for column in request.schema.columns if "INTERVAL" in heads(column.type)]
        message = f"column {' or '.join(names)} holds a negative interval, which Parquet cannot"
        return _problem(request, Code.EXECUTION, message, _INTERVAL_HINT)
    problem = _problem(request, Code.EXECUTION, sentence(complaint.message), _hint(complaint.kind))
    if request.udfs and "UDF: MemoryError" in complaint.message:
        hint = "use less memory in the Python function, or raise python_mb under [limits] in watch.toml"
        problem = replace(problem, code=Code.MEMORY, hint=hint)
    for udf in request.udfs:
        line = python_line(complaint.message, udf.path)
        if line is not None:
            return replace(problem, path=udf.path, line=line)
    return problem


def _hint(kind: str) -> str | None:
    if kind == "Conversion":
        return "TRY_CAST gives NULL where a value does not convert"
    if kind == "Out of Range":
        return "cast to a wider type first"
    return None


def _problem(request: Execute, code: Code, message: str, hint: str | None) -> Problem:
    return Problem(code, request.task, request.path, request.line, 1, message, hint)
