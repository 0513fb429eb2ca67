"""Runs a project's tasks with plain DuckDB and Ibis, in any order that works: what the tool gives has to equal this.

None of the tool's own machinery takes part: while a project's files run, the decorators are the ones in here.
"""

import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import ibis
import ibis.expr.operations as ops
from ibis.backends.sql.datatypes import DuckDBType

import relspec

Make = Callable[[duckdb.DuckDBPyConnection], None]


@dataclass(frozen=True)
class File:
    """A file as an extractor gets it."""

    path: str
    content: bytes

    @property
    def relative(self) -> str:
        """What stands below the folder that a pattern like `src/**/*.py` starts from."""
        return self.path.partition("/")[2]

    def text(self) -> str:
        return self.content.decode()


class _MissingError(Exception):
    """A table that a task reads is not there yet."""


class _Tables:
    """The `ctx` of a task: unbound tables with the schemas that DuckDB tells."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def table(self, name: str) -> ibis.Table:
        try:
            columns = self._connection.execute(f'describe "{name}"').fetchall()
        except duckdb.CatalogException as error:
            raise _MissingError(name) from error
        return ibis.table({c[0]: DuckDBType.from_string(c[1]) for c in columns}, name=name)


def tables_of(project: Path, sources: Mapping[str, str]) -> duckdb.DuckDBPyConnection:
    """Execute all tasks of `project` over `sources`, queries by table name; the connection holds every table."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("set TimeZone = 'UTC'")
    for name, query in sources.items():
        connection.execute(f'create table "{name}" as {query}')
    make_all(connection, project / "tasks")
    return connection


def make_all(connection: duckdb.DuckDBPyConnection, tasks: Path) -> None:
    """Make the output of every task: those whose inputs are there first, until none is left."""
    waiting = declared(tasks)
    while waiting:
        made = [name for name, make in waiting.items() if _made(connection, make)]
        if not made:
            raise AssertionError(f"these tasks wait for tables that nobody makes: {sorted(waiting)}")
        for name in made:
            del waiting[name]


def declared(tasks: Path) -> dict[str, Make]:
    """All tasks below `tasks` by output."""
    found: dict[str, Make] = {path.stem: _sql_task(path) for path in sorted(tasks.rglob("*.sql"))}

    def task(function: Any = None, /, **options: Any) -> Any:
        def note(noted: Any) -> Any:
            found[noted.__name__] = _ibis_task(noted, options.get("kind", "materialization"))
            return noted

        return note if function is None else note(function)

    with importing_from(tasks), patch.object(relspec, "task", task):
        for path in sorted(tasks.rglob("*.py")):
            runpy.run_path(str(path))
    return found


def extractor_of(path: Path) -> tuple[str, Callable[[Any], Any]]:
    """The files that the extractor of one task file is for, and its function. Stand within `importing_from`."""
    found: list[tuple[str, Callable[[Any], Any]]] = []

    def extract(*, files: str, **_: object) -> Callable[[Any], Any]:
        return lambda function: found.append((files, function))

    with patch.object(relspec, "extract", extract):
        runpy.run_path(str(path))
    ((files, function),) = found
    return files, function


@contextmanager
def importing_from(folder: Path) -> Iterator[None]:
    """Let modules of `folder` be imported inside the block, and forget them afterwards."""
    known = set(sys.modules)
    sys.path.insert(0, str(folder))
    writing, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.dont_write_bytecode = writing
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]


def _made(connection: duckdb.DuckDBPyConnection, make: Make) -> bool:
    try:
        make(connection)
    except (_MissingError, duckdb.CatalogException):
        return False
    return True


def _sql_task(path: Path) -> Make:
    text = path.read_text()
    what = "view" if text.startswith("-- relspec: kind=view\n") else "table"

    def make(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(f'create {what} "{path.stem}" as {text}')

    return make


def _ibis_task(function: Callable[[Any], ibis.Table], kind: str) -> Make:
    what = "view" if kind == "view" else "table"

    def make(connection: duckdb.DuckDBPyConnection) -> None:
        expression = function(_Tables(connection))
        for udf in expression.op().find(ops.ScalarUDF):
            _register(connection, udf)
        query = ibis.to_sql(expression, dialect="duckdb")
        connection.execute(f'create {what} "{function.__name__}" as {query}')

    return make


def _register(connection: duckdb.DuckDBPyConnection, udf: ops.ScalarUDF) -> None:
    types = [DuckDBType.to_string(argument.dtype) for argument in udf.args]
    connection.create_function(type(udf).__name__, udf.__func__, types, DuckDBType.to_string(udf.dtype))
