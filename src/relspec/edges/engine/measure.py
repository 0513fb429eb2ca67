"""The verb measure: digest parts of a dataset over the column sets that its consumers require."""

from collections.abc import Sequence

import duckdb

from relspec.core.digest import BagDigest
from relspec.core.schema import Column
from relspec.core.work import Measure, Measured
from relspec.edges.engine.bags import bags_by, bags_of, nothing
from relspec.edges.engine.objects import check_contents, check_stamps
from relspec.edges.engine.sql import identifier, read_parquet, selection

#: Says of a row which file it is from; no column of a user's is called so.
_FILE = "__relspec_file"


def measure(connection: duckdb.DuckDBPyConnection, request: Measure) -> Measured:
    """Digest `request.parts` in one scan; raises InputMovedError when one is gone, changed or rotten."""
    check_stamps(request.parts)
    try:
        bags = _measured(connection, [part.path for part in request.parts], request.column_sets)
    except duckdb.Error:
        check_stamps(request.parts)
        check_contents(request.parts)
        raise
    check_stamps(request.parts)
    return Measured(bags)


def _measured(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[str], column_sets: Sequence[Sequence[Column]]
) -> tuple[tuple[BagDigest, ...], ...]:
    columns = {column.name.lower(): column for columns in column_sets for column in columns}.values()
    if len(paths) == 1:
        return (bags_of(connection, f"({selection(columns, read_parquet(paths))})", column_sets)[1],)
    source = selection(columns, read_parquet(paths, file_column=_FILE), identifier(_FILE))
    found = bags_by(connection, f"({source})", _FILE, column_sets)
    none = nothing(column_sets)
    return tuple(found.get(path, none) for path in paths)
