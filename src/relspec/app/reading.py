"""Reads published tables, in the reader's own process: never a lock on the daemon, never half a revision."""

from pathlib import Path
from typing import Any

import duckdb

from relspec.core.errors import ConfigError, StateError, UnknownNameError
from relspec.core.layout import Layout

Document = dict[str, Any]

#: The views may have come with a checkout: nothing of Python's is a table, no extension comes, and so it stays.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    # What it remembers of a Parquet file it takes for the next one of that path, size and second (1.5.6, measured).
    "enable_external_file_cache": "false",
    "lock_configuration": "true",
}


def quoted(name: str) -> str:
    """Quote an identifier for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def connect(layout: Layout) -> duckdb.DuckDBPyConnection:
    """Open the views of the current revision, read-only."""
    if not layout.views.exists():
        raise ConfigError(f"nothing is built in {layout.root} yet; run: relspec-watch build")
    try:
        return duckdb.connect(str(layout.views), read_only=True, config=_CONFIG)
    except duckdb.Error as error:
        raise _unreadable(layout, error) from error


def _unreadable(layout: Layout, error: duckdb.Error) -> StateError:
    return StateError(f"cannot read {layout.views}: {error}; run: relspec-watch build")


def known_name(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """Find a published relation by name; raises UnknownNameError."""
    found = connection.execute("select view_name from duckdb_views() where not internal").fetchall()
    names = {row[0].lower(): row[0] for row in found}
    if name.lower() not in names:
        raise UnknownNameError("table", name, names.values())
    return str(names[name.lower()])


def show(layout: Layout, output: str, n_rows: int) -> Document:
    """The first rows of a table, values as text where JSON has no type for them."""
    with connect(layout) as connection:
        name = known_name(connection, output)
        try:
            relation = connection.sql(f"select * from {quoted(name)}")
            rows = relation.limit(n_rows).fetchall()
            (total,) = connection.execute(f"select count(*) from {quoted(name)}").fetchone() or (0,)
        except duckdb.Error as error:
            raise _unreadable(layout, error) from error
        columns = [{"name": c, "type": str(t)} for c, t in zip(relation.columns, relation.types, strict=True)]
    return {"output": name, "columns": columns, "rows": [[_plain(v) for v in row] for row in rows], "n_rows": total}


def path(layout: Layout, output: str) -> Document:
    """The Parquet file of a table: the published one, or for a table that is not published its current object."""
    published = {p.stem.lower(): p for p in layout.tables.glob("*.parquet")}
    if output.lower() in published:
        return {"output": output, "path": str(published[output.lower()])}
    with connect(layout) as connection:
        name = known_name(connection, output)
    message = f"{name} is not published as a file: it is a source, a view or a compute task"
    raise ConfigError(f"{message}; read it from {Path(layout.views)}")


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
