"""Types between Ibis and DuckDB, as DuckDB's binder spells them.

What Ibis has no word for stays unknown to it: a builder can pass such a column by, but not give it out. Ibis merges
some types (HUGEINT is its decimal(38, 0), VARIANT and ENUM are not its own); the promised schema then holds Ibis's one.
"""

import re
from functools import lru_cache

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
from ibis.backends.sql.datatypes import DuckDBType

from relspec.core.schema import Column, Schema

_PLAIN: dict[type[dt.DataType], str] = {
    dt.Boolean: "BOOLEAN",
    dt.Int8: "TINYINT",
    dt.Int16: "SMALLINT",
    dt.Int32: "INTEGER",
    dt.Int64: "BIGINT",
    dt.UInt8: "UTINYINT",
    dt.UInt16: "USMALLINT",
    dt.UInt32: "UINTEGER",
    dt.UInt64: "UBIGINT",
    dt.Float16: "FLOAT",
    dt.Float32: "FLOAT",
    dt.Float64: "DOUBLE",
    dt.String: "VARCHAR",
    dt.Binary: "BLOB",
    dt.Date: "DATE",
    dt.Time: "TIME",
    dt.Interval: "INTERVAL",
    dt.UUID: "UUID",
    dt.JSON: "JSON",
    dt.Null: "INTEGER",
    dt.INET: "VARCHAR",
    dt.MACADDR: "VARCHAR",
}
#: By the number of decimal digits of a second.
_TIMESTAMPS = {0: "TIMESTAMP_S", 3: "TIMESTAMP_MS", 9: "TIMESTAMP_NS"}
_SIMPLE_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def ibis_table(name: str, schema: Schema) -> ir.Table:
    """Make the unbound table that stands for a dataset."""
    return ibis.table({column.name: ibis_type(column.type) for column in schema.columns}, name=name)


@lru_cache(maxsize=4096)
def ibis_type(type_text: str) -> dt.DataType:
    """Read a DuckDB type; what Ibis cannot express is `unknown`."""
    try:
        found: dt.DataType = DuckDBType.from_string(type_text)
    except Exception:  # noqa: BLE001 - a parser of a library; the column is usable for all that does not touch its type.
        return dt.Unknown(raw_type=type_text)
    return found


def duckdb_schema(table: ir.Table) -> Schema | str:
    """Give the schema that an expression promises, or the first column whose type cannot be said."""
    columns = []
    for name, dtype in table.schema().items():
        text = duckdb_type(dtype)
        if text is None:
            return str(name)
        columns.append(Column(name, text))
    return Schema(tuple(columns))


def duckdb_type(dtype: dt.DataType) -> str | None:
    """Write an Ibis type as DuckDB does; `None` where DuckDB has none for it."""
    plain = _PLAIN.get(type(dtype))
    if plain is not None:
        return plain
    match dtype:
        case dt.Timestamp():
            return "TIMESTAMP WITH TIME ZONE" if dtype.timezone else _TIMESTAMPS.get(dtype.scale, "TIMESTAMP")
        case dt.Decimal():
            precision = 18 if dtype.precision is None else dtype.precision
            scale = 3 if dtype.scale is None else dtype.scale
            return f"DECIMAL({precision},{scale})"
        case dt.Array() | dt.Map() | dt.Struct():
            return _nested(dtype)
    return None


def _nested(dtype: dt.DataType) -> str | None:
    if isinstance(dtype, dt.Array):
        inner = duckdb_type(dtype.value_type)
        return None if inner is None else f"{inner}[{'' if dtype.length is None else dtype.length}]"
    if isinstance(dtype, dt.Map):
        key, value = duckdb_type(dtype.key_type), duckdb_type(dtype.value_type)
        return None if key is None or value is None else f"MAP({key}, {value})"
    fields = [(name, duckdb_type(child)) for name, child in dtype.items()]
    if any(text is None for _, text in fields):
        return None
    return f"STRUCT({', '.join(f'{_field(name)} {text}' for name, text in fields)})"


def _field(name: str) -> str:
    if _SIMPLE_NAME.fullmatch(name):
        return name
    return '"' + name.replace('"', '""') + '"'
