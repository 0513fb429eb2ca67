"""Arrow tables as the store keeps them: Parquet objects, with the types that DuckDB finds in such a file.

The same table gives the same bytes. pyarrow and DuckDB have threads, so only a session's process comes here.
"""

import glob
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from relspec.core.dataset import Part
from relspec.core.declaration import Fault, wrong_output
from relspec.core.digest import content_of
from relspec.core.schema import Column, Schema
from relspec.core.work import DeclaredTable

#: Metadata that writers leave for their own use.
_MACHINE_KEYS = frozenset({b"pandas", b"ARROW:schema"})
#: For a database that looks at files of ours: nothing of Python's is a table, no extension comes, and so it stays.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": "1",
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "lock_configuration": "true",
}
_HINT = 'write tables={"name": pyarrow.schema([("column", pyarrow.string())])}'


class Tables:
    """Writes tables by way of `temporary`; which types an Arrow schema is stored as is found out once, or learnt."""

    def __init__(self, temporary: str) -> None:
        self._temporary = temporary
        self._known: dict[str, Schema] = {}

    def learn(self, tables: Iterable[DeclaredTable]) -> None:
        """Take over what was found out before: without it DuckDB would be needed."""
        self._known |= {table.arrow: table.schema for table in tables}

    def declared(self, option: object) -> tuple[DeclaredTable, ...] | Fault:
        """Read the tables that an extractor declares: Arrow schemas by name."""
        if not isinstance(option, Mapping) or not option:
            return Fault("tables", f"tables must be Arrow schemas by name, not {option!r}", _HINT)
        # Start-up time: only extractors pay for pyarrow.
        import pyarrow  # noqa: PLC0415

        found: list[DeclaredTable] = []
        for name, schema in option.items():
            if not isinstance(schema, pyarrow.Schema):
                return Fault("tables", f"table {name!r} is declared as {schema!r}, which is no pyarrow.Schema", _HINT)
            fault = wrong_name(name) or _doubled(name, schema.names)
            if fault is not None:
                return fault
            try:
                found.append(DeclaredTable(name, _digest(schema), self.schema(schema)))
            except pyarrow.ArrowException as error:
                return Fault("tables", f"table {name!r} cannot be stored: {error}", "choose another type")
        return tuple(sorted(found, key=lambda table: table.name))

    def schema(self, schema: Any) -> Schema:
        """Say how columns of an Arrow schema are stored. Cost: an empty file, once a schema."""
        key = _digest(schema)
        if key not in self._known:
            path = self._written(schema.empty_table())
            try:
                pairs = (schema.metadata or {}).items()
                metadata = tuple(sorted((k.decode(), v.decode()) for k, v in pairs if k not in _MACHINE_KEYS))
                self._known[key] = Schema(_columns(str(path)), metadata)
            finally:
                path.unlink(missing_ok=True)
        return self._known[key]

    def stored(self, table: Any, objects: str) -> tuple[Schema, Part]:
        """Make an object of a table."""
        schema = self.schema(table.schema)
        aside = self._written(table)
        try:
            content = content_of(aside.read_bytes())
            place = Path(objects, f"{content}.parquet")
            aside.chmod(0o444)
            aside.rename(place)
        finally:
            aside.unlink(missing_ok=True)
        return schema, Part(content, str(place), table.num_rows, None)

    def _written(self, table: Any) -> Path:
        import pyarrow.parquet  # noqa: PLC0415 - as above.

        aside = Path(self._temporary, f"loader-{os.getpid()}.parquet")
        # Without Arrow's own schema in the file everybody reads the types that DuckDB reads.
        pyarrow.parquet.write_table(table, aside, compression="zstd", store_schema=False)
        return aside


def _digest(schema: Any) -> str:
    return content_of(schema.serialize().to_pybytes())


def wrong_name(name: object) -> Fault | None:
    """Say why a value cannot name a table."""
    fault = wrong_output(name)
    return None if fault is None else Fault("tables", f"table name: {fault.message}", fault.hint)


def _doubled(table: str, names: list[str]) -> Fault | None:
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            return Fault("tables", f"table {table!r} has two columns {name!r}; case does not count", "rename one")
        seen.add(name.lower())
    return None


def _columns(path: str) -> tuple[Column, ...]:
    import duckdb  # noqa: PLC0415 - as above; the connection has threads.

    with duckdb.connect(":memory:", config=_CONFIG) as connection:
        rows = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [glob.escape(path)]).fetchall()
    return tuple(Column(row[0], row[1]) for row in rows)
