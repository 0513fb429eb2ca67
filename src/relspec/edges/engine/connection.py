"""Opening DuckDB the one way in which results are reproducible, and leaving no trace of a request behind.

One thread and a fixed memory limit give the same bytes for the same inputs. The time zone is set, extensions are
neither fetched nor loaded, and names of Python variables are no tables. Nothing is remembered of a file that was read:
DuckDB takes the footer of a Parquet file for one of the same path, size and second that is no longer there (1.5.6,
measured), and would read one column for another. Each request runs in a transaction that is rolled back, so its tables
and views are gone afterwards whatever happened.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb

from relspec.core.plan import Udf
from relspec.core.schema import Column
from relspec.core.settings import Limits
from relspec.edges.engine.reads import plan_plainly
from relspec.edges.engine.sql import literal

UserFunction = Callable[..., Any]
#: Where nobody has set anything.
SPILL_MB = Limits().spill_mb


def open_connection(
    memory_mb: int, timezone: str, spill: str, *, spill_mb: int = SPILL_MB, files: bool = True
) -> duckdb.DuckDBPyConnection:
    """Open an in-memory database; `spill` is a directory of this process alone, made when it is needed.

    It takes up to `spill_mb` megabytes; left alone, DuckDB would fill the disk to nine tenths.

    Without `files` the connection is for binding and planning alone: it reaches no file, since binding `read_csv` would
    read, plans plainly, as `reads` wants it, and nothing that it binds can change that.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": "1",
        "memory_limit": f"{memory_mb}MiB",
        "preserve_insertion_order": "true",
        "python_enable_replacements": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "errors_as_json": "true",
        "enable_external_file_cache": "false",
        "temp_directory": spill,
    }
    if not files:
        config["enable_external_access"] = "false"
    connection = duckdb.connect(":memory:", config=config)
    # Spelt out, since passing a parameter makes DuckDB import pandas and pyarrow where they are installed.
    connection.execute(f"SET GLOBAL TimeZone = {literal(timezone)}")
    if files:
        # Among the settings of the opening it is taken and has no effect (DuckDB 1.5).
        connection.execute(f"SET max_temp_directory_size = '{spill_mb}MiB'")
    connection.execute("SELECT count(*) FROM range(2)").fetchall()
    if not files:
        plan_plainly(connection)
        connection.execute("SET lock_configuration = true")
    return connection


def columns_of(connection: duckdb.DuckDBPyConnection, query: str | duckdb.Statement) -> tuple[Column, ...]:
    """Bind a SELECT and give its columns.

    It takes half as long as DESCRIBE, which gives the same. What is no SELECT would be run.
    """
    relation = connection.sql(query)
    return tuple(Column(name, str(type_)) for name, type_ in zip(relation.columns, relation.types, strict=True))


@contextmanager
def scratch(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Run the block in a transaction and take everything back."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


@contextmanager
def registered(
    connection: duckdb.DuckDBPyConnection, udfs: Iterable[Udf], functions: Mapping[str, UserFunction]
) -> Iterator[None]:
    """Make Python functions callable in SQL for the block, as Ibis registers them: a NULL argument gives NULL.

    Outside of any transaction: taking a registration back with ROLLBACK would leave half of it behind.
    """
    known: list[str] = []
    try:
        for udf in udfs:
            connection.create_function(udf.name, functions[udf.name], list(udf.parameters), udf.returns)
            known.append(udf.name)
        yield
    finally:
        for name in known:
            connection.remove_function(name)
