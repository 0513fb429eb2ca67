"""The verb intake: turn one file of a source into a part that tasks can read, and say what it holds.

The bytes are hashed through one descriptor, those of Parquet column by column, between two looks at the file's stamp;
where the stamps differ the answer is that the input moved. Bytes that are known are not read a second time, whatever
became of the stamp. A Parquet file stays where it is. Others are converted once, under types that stay as they were
when the source was first seen: every record of the file becomes a row, or the whole file is a problem.
"""

import os
import time
from io import BufferedReader
from pathlib import Path

import duckdb
from msgspec.structs import replace

from relspec.core.dataset import Format, Part, Stamp
from relspec.core.errors import InputMovedError
from relspec.core.layout import object_path
from relspec.core.problem import Problem
from relspec.core.schema import Column, Schema
from relspec.core.types import stored_type
from relspec.core.work import Intake, Intaken
from relspec.edges.engine.columns import content_by_columns
from relspec.edges.engine.complaint import complaint_of, sentence
from relspec.edges.engine.connection import scratch
from relspec.edges.engine.execute import write_parquet
from relspec.edges.engine.intake_arrow import open_arrow
from relspec.edges.engine.intake_csv import open_csv
from relspec.edges.engine.intake_json import open_json
from relspec.edges.engine.objects import content_of_file, settle, stamp_of, temporary_path
from relspec.edges.engine.refusal import RefusedError, misconfigured, unreadable
from relspec.edges.engine.sql import file_literal, read_parquet, selection
from relspec.edges.engine.tabular import kept_metadata

#: A file written this shortly ago may be written again without its times moving on.
_RACY_S = 2.0


def intake(connection: duckdb.DuckDBPyConnection, request: Intake) -> Intaken | Problem:
    """Hash the file, find its schema, convert it unless it is Parquet; raises InputMovedError when it moved."""
    try:
        with Path(request.path).open("rb") as file:
            return _intake(connection, request, file)
    except FileNotFoundError as error:
        raise InputMovedError(request.path) from error
    except OSError as error:
        return unreadable(request, f"this file cannot be read: {error.strerror}").problem


def _intake(connection: duckdb.DuckDBPyConnection, request: Intake, file: BufferedReader) -> Intaken | Problem:
    before = os.fstat(file.fileno())
    answer: Intaken | Problem
    content, columns = content_by_columns(file) if request.format is Format.PARQUET else (content_of_file(file), ())
    try:
        if before.st_size == 0:
            raise unreadable(request, "this file is empty", hint="write at least a header, or remove it")
        if request.known is not None and _stands(request.known, content):
            answer = _restamped(request.known, stamp_of(before))
        elif request.format is Format.PARQUET:
            answer = replace(_in_place(connection, request, content, stamp_of(before)), columns=columns)
        else:
            answer = _converted(connection, request, content)
            _check_racy(request, file, before, content)
    except RefusedError as refused:
        answer = refused.problem
    if stamp_of(os.fstat(file.fileno())) != stamp_of(before) or stamp_of(Path(request.path).stat()) != stamp_of(before):
        raise InputMovedError(request.path)
    return answer


def _stands(known: Intaken, content: str) -> bool:
    """Whether an answer about the same bytes still holds: its object may be lost."""
    return known.content == content and (known.part.stamp is not None or Path(known.part.path).exists())


def _restamped(known: Intaken, stamp: Stamp) -> Intaken:
    return known if known.part.stamp is None else replace(known, part=replace(known.part, stamp=stamp))


def _check_racy(request: Intake, file: BufferedReader, status: os.stat_result, content: str) -> None:
    """Hash a young file again: its conversion read it a second time, and may have read other bytes."""
    if abs(time.time() - status.st_mtime) < _RACY_S and content_of_file(file) != content:
        raise InputMovedError(request.path)


def _in_place(connection: duckdb.DuckDBPyConnection, request: Intake, content: str, stamp: Stamp) -> Intaken:
    file = file_literal(request.path)
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {read_parquet([request.path])}").fetchall()
        pairs = connection.execute(f"SELECT key, value FROM parquet_kv_metadata({file})").fetchall()
        counted = connection.execute(f"SELECT num_rows FROM parquet_file_metadata({file})").fetchall()
    except duckdb.Error as error:
        reason = sentence(complaint_of(error).message).replace(request.path, request.shown)
        raise unreadable(request, f"this is no whole Parquet file: {reason}") from error
    schema = Schema(tuple(Column(row[0], row[1]) for row in described), kept_metadata(pairs))
    return Intaken(content, Part(content, request.path, counted[0][0], stamp), schema, None)


def _converted(connection: duckdb.DuckDBPyConnection, request: Intake, content: str) -> Intaken:
    _check_types(connection, request)
    with scratch(connection):
        table = _OPEN[request.format](connection, request)
        schema = Schema(tuple(_stored(request, column) for column in table.columns), table.metadata)
        path = temporary_path(request.temporary, ".parquet")
        try:
            rows = write_parquet(connection, selection(schema.columns, table.source), path)
            stored, _ = settle(path, request.objects)
        except duckdb.Error as error:
            raise table.refuse(error) from error
        finally:
            Path(path).unlink(missing_ok=True)
    part = Part(stored, object_path(request.objects, stored), rows, None)
    return Intaken(content, part, schema, table.reader)


def _check_types(connection: duckdb.DuckDBPyConnection, request: Intake) -> None:
    for name, type_text in request.types:
        try:
            connection.execute(f"SELECT CAST(NULL AS {type_text})").fetchall()
        except duckdb.Error as error:
            raise misconfigured(
                request, f"column {name!r} cannot be read as {type_text!r}", "name a DuckDB type"
            ) from error


def _stored(request: Intake, column: Column) -> Column:
    stored = stored_type(column.type)
    if stored is None:
        raise misconfigured(request, f"column {column.name!r} has the type {column.type}, which cannot be stored", None)
    return Column(column.name, stored)


_OPEN = {Format.CSV: open_csv, Format.JSONL: open_json, Format.ARROW: open_arrow}
