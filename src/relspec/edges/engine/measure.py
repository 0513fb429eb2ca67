"""The verb measure: digest one part of a dataset over the column sets that its consumers require."""

import duckdb

from relspec.core.schema import Column
from relspec.core.work import Measure, Measured
from relspec.edges.engine.bags import bags_of
from relspec.edges.engine.objects import check_contents, check_stamps
from relspec.edges.engine.sql import read_parquet, selection


def measure(connection: duckdb.DuckDBPyConnection, request: Measure) -> Measured:
    """Digest `request.part` in one scan; raises InputMovedError when it is gone, changed or rotten."""
    check_stamps([request.part])
    columns = {column.name.lower(): column for columns in request.column_sets for column in columns}
    try:
        _, bags = bags_of(connection, _source(tuple(columns.values()), request.part.path), request.column_sets)
    except duckdb.Error:
        check_stamps([request.part])
        check_contents([request.part])
        raise
    check_stamps([request.part])
    return Measured(bags)


def _source(columns: tuple[Column, ...], path: str) -> str:
    return f"({selection(columns, read_parquet([path]))})"
