"""Arrow IPC files, in the file format (Feather 2 too) and in the stream format."""

from pathlib import Path
from typing import Any

import duckdb

from relspec.core.schema import Column
from relspec.core.work import Intake
from relspec.edges.engine.complaint import complaint_of, sentence
from relspec.edges.engine.refusal import RefusedError, unreadable
from relspec.edges.engine.sql import identifier
from relspec.edges.engine.tabular import Tabular, kept_metadata

_NAME = "__relspec_arrow__"


def open_arrow(connection: duckdb.DuckDBPyConnection, request: Intake) -> Tabular:
    """Read the whole file into memory: a mapped file that is being rewritten would kill the process."""
    table = _table(request)
    connection.register(_NAME, table)
    described = connection.execute(f"DESCRIBE SELECT * FROM {identifier(_NAME)}").fetchall()

    def refuse(error: duckdb.Error) -> RefusedError:
        return unreadable(request, f"this Arrow file cannot be stored: {sentence(complaint_of(error).message)}")

    columns = tuple(Column(row[0], row[1]) for row in described)
    metadata = kept_metadata((table.schema.metadata or {}).items())
    return Tabular(identifier(_NAME), columns, metadata, None, refuse)


def _table(request: Intake) -> Any:
    # Start-up time: pyarrow takes 230 ms to import, and few projects have such files.
    import pyarrow  # noqa: PLC0415
    import pyarrow.ipc  # noqa: PLC0415

    buffer = pyarrow.py_buffer(Path(request.path).read_bytes())
    try:
        if buffer[:6].to_pybytes() == b"ARROW1":
            return pyarrow.ipc.open_file(buffer).read_all()
        return pyarrow.ipc.open_stream(buffer).read_all()
    except (pyarrow.ArrowException, OSError) as error:
        raise unreadable(request, f"this is no whole Arrow IPC file: {error}") from error
