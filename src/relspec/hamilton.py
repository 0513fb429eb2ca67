"""What modules for Apache Hamilton call that `relspec-watch export hamilton` wrote. Needs the extra `hamilton`.

A module holds one `Flow`, and each of its functions executes one query by it, over tables that it is given: neither the
daemon nor `state/` takes part in that. The sources come from whoever runs the flow. `Flow.inputs` takes them from the
project, and refuses where the module was exported from another plan than the project has now.
"""

import hashlib
import importlib.util
import io
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import duckdb
import msgspec
import pyarrow
from hamilton.caching import fingerprinting

from relspec.app import reading
from relspec.app.local import asked
from relspec.core.digest import digest_of
from relspec.core.errors import ConfigError, StalePlanError
from relspec.core.layout import Layout
from relspec.core.plan import Udf
from relspec.core.progress import SetAside
from relspec.core.schema import Column, schema_of
from relspec.edges.engine.bare import Given, Question, Setting, execute_bare
from relspec.edges.engine.connection import UserFunction
from relspec.edges.engine.sql import identifier, selection
from relspec.edges.toolchain import toolchain

#: Columns with their DuckDB types, in order.
Columns = Mapping[str, str]
#: A Python function in a query: the file that defines it, relative to the project, its parameters, what it returns.
Signature = tuple[str, Sequence[str], str]


class Flow(msgspec.Struct, frozen=True):
    """The whole of an exported module: of which plan it is, and what it needs to be executed as the daemon would do it.

    `tables` has the columns of every dataset; `sources` has for each input of the flow the name of the source, and the
    columns that are required of it.
    """

    signature: str
    project: Path
    timezone: str
    memory_mb: int
    folders: Sequence[str]
    tables: Mapping[str, Columns]
    sources: Mapping[str, tuple[str, Sequence[str]]]

    def query(
        self,
        sql: str,
        *,
        reads: Mapping[str, tuple[pyarrow.Table, Sequence[str]]],
        gives: str,
        functions: Mapping[str, Signature] | None = None,
        drawn_from: str | None = None,
    ) -> pyarrow.Table:
        """Execute a query over the columns that it requires of tables; the table of the dataset that it gives.

        Raises duckdb.Error where the query fails, or a table lacks a required column.
        """
        called = {} if functions is None else functions
        udfs = tuple(Udf(n, tuple(parameters), returns, "", path) for n, (path, parameters, returns) in called.items())
        schemas = {name.lower(): schema_of(columns) for name, columns in self.tables.items()}
        given = [Given(n, table, schemas[n.lower()], _lower(names)) for n, (table, names) in reads.items()]
        setting = Setting(self.memory_mb, self.timezone, toolchain(self.timezone).engine)
        question = Question(sql, schemas[gives.lower()], udfs, drawn_from)
        return execute_bare(setting, question, given, {udf.name: self._function(udf) for udf in udfs})

    def inputs(self, project: str | Path | None = None) -> dict[str, pyarrow.Table]:
        """The sources of a project as its last build took them in, with the columns that are required of them.

        Raises StalePlanError as `verify` does, and ConfigError where nothing is built yet.
        """
        self.verify(project)
        with reading.connect(self._layout(project)) as connection:
            return {
                name: _source(connection, dataset, schema_of(self.tables[dataset]).restrict(required))
                for name, (dataset, required) in self.sources.items()
            }

    def verify(self, project: str | Path | None = None) -> None:
        """Raise StalePlanError unless the project, by default the one that was exported, still has this plan."""
        layout = self._layout(project)
        document = asked(layout, "export", {}, _warn)
        if document["problems"]:
            raise StalePlanError(f"{layout.root} has problems, so it has no plan to compare: see `relspec-watch check`")
        if document["signature"] != self.signature:
            message = f"this module is of plan {self.signature}, and {layout.root} has {document['signature']} by now"
            raise StalePlanError(f"{message}; {StalePlanError.hint}")

    def _layout(self, project: str | Path | None) -> Layout:
        root = Path(self.project if project is None else project).resolve()
        if not root.is_dir():
            raise ConfigError(f"{root} is not a directory; name the project, or export the module again")
        return Layout(root)

    def _function(self, udf: Udf) -> UserFunction:
        """Load the file that defines a function; it finds its imports as in the project."""
        root = self.project.resolve()
        for folder in (root, *(root / folder for folder in self.folders)):
            if str(folder) not in sys.path:
                sys.path.append(str(folder))
        path = root / udf.path
        found = {f for f in map(_wrapped, vars(_loaded(path)).values()) if f is not None and _names(udf, f)}
        if len(found) != 1:
            many = "no function" if not found else "several functions"
            raise ConfigError(
                f"{path} has {many} for {udf.name}; give it a name of its own and export the module again"
            )
        return found.pop()


def _lower(names: Sequence[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _source(connection: duckdb.DuckDBPyConnection, dataset: str, columns: tuple[Column, ...]) -> pyarrow.Table:
    """Read columns of a source; one without any file is not published, and has no rows."""
    if not connection.execute("SELECT 1 FROM duckdb_views() WHERE view_name = ?", [dataset]).fetchall():
        empty = ", ".join(f"CAST(NULL AS {c.type}) AS {identifier(c.name)}" for c in columns)
        return connection.sql(f"SELECT {empty or 'NULL'} LIMIT 0").to_arrow_table()
    return connection.sql(selection(columns, identifier(dataset))).to_arrow_table()


def _loaded(path: Path) -> ModuleType:
    name = f"relspec_file_{digest_of(str(path))[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"{path} is not there; name the project, or export the module again")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _wrapped(value: object) -> UserFunction | None:
    """What `@ibis.udf.scalar.python` was put on."""
    function = getattr(value, "__wrapped__", None)
    return function if isinstance(function, FunctionType) else None


def _names(udf: Udf, function: UserFunction) -> bool:
    # The name in a query ends with a hash of the function's code.
    return re.sub(r"\W", "_", function.__name__).lower() == udf.name.rpartition("_")[0]


def _warn(event: SetAside) -> None:
    warnings.warn(f"the database of the state was damaged; it lies in {event.path} now", stacklevel=2)


class _Hash(io.RawIOBase):
    """A file that hashes what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.state = hashlib.blake2b(digest_size=16)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.state.update(data)
        return len(data)


def _data_version(table: pyarrow.Table, *_: object, **__: object) -> str:
    """Hash a table for Hamilton's cache, which knows nothing of Arrow and would execute everything below it again."""
    sink = _Hash()
    whole = table.combine_chunks()
    with pyarrow.ipc.new_stream(pyarrow.PythonFile(sink, mode="w"), whole.schema) as writer:
        writer.write_table(whole)
    return sink.state.hexdigest()


fingerprinting.hash_value.register(pyarrow.Table, _data_version)
