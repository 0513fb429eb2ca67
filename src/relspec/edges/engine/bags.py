"""Hashing rows as a bag: what makes two inputs the same to a consumer.

Each row is hashed twice with DuckDB's 64-bit `hash`, over all columns at once, in the order of their lower-case names.
The total is the sum of the first hashes times 2^64 plus the sum of the second ones, modulo 2^128. Sums do not see the
order of rows, do see how often a row occurs, and add up over part files, as `core.digest.combine` does it.

`hash` alone does not tell everything apart (1.5.6, measured), so more goes into it than the values:
- 0.0 and -0.0 hash alike: a float brings its sign along.
- '1 month' and '30 days' hash alike, so do an empty list and NULL: intervals and nested values bring their text along.
- 128-bit values hash to the exclusive or of their halves, so halves may be swapped: they bring their text along.
- NULL hashes to a constant that some value also has: the second hash takes in which columns are NULL.
The second hash takes the values in the opposite order after a salt, so that rows whose first hashes cancel out do not
cancel out in both. One million rows of eight columns cost 120 ms, where the text of every value would cost 465.
"""

from collections.abc import Sequence

import duckdb

from relspec.core.digest import BagDigest
from relspec.core.schema import Column
from relspec.core.types import parse
from relspec.edges.engine.sql import identifier

_SALT = "'relspec edge-1'"
_MODULUS = 1 << 128

#: Types whose `hash` is a hash of the whole value.
_PLAIN = frozenset({"BOOLEAN", "VARCHAR", "JSON", "BLOB", "DATE", "TIME", "TIME_NS", "TIMESTAMP", "TIMESTAMP_NS"})
_PLAIN |= {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_PLAIN |= {"TIMESTAMP WITH TIME ZONE"}
#: Decimals of more digits take 128 bits.
_NARROW_DIGITS = 18


def bags_of(
    connection: duckdb.DuckDBPyConnection, source: str, column_sets: Sequence[Sequence[Column]]
) -> tuple[int, tuple[BagDigest, ...]]:
    """Digest the relation `source` (a table or a query in parentheses) over each column set, and count its rows.

    Cost: one scan for all sets. The empty set gives the number of rows with a total of zero.
    """
    sums = [text for columns in column_sets if columns for text in _sums(columns)]
    (row,) = connection.execute(f"SELECT {', '.join(['count(*)', *sums])} FROM {source}").fetchall()
    values = iter(row[1:])
    totals = [((next(values) or 0) << 64) + (next(values) or 0) if columns else 0 for columns in column_sets]
    return row[0], tuple(BagDigest(row[0], f"{total % _MODULUS:032x}") for total in totals)


def _sums(columns: Sequence[Column]) -> tuple[str, str]:
    ordered = sorted(columns, key=lambda c: c.name.lower())
    names = [identifier(c.name) for c in ordered]
    marks = [mark for c in ordered for mark in _marks(c)]
    first = ", ".join([*names, *marks])
    second = ", ".join([_SALT, *reversed(names), *(f"{name} IS NULL" for name in names), *marks])
    return f"sum(hash({first})::HUGEINT)", f"sum(hash({second})::HUGEINT)"


def _marks(column: Column) -> list[str]:
    name = identifier(column.name)
    try:
        tree = parse(column.type)
    except ValueError:
        return [f"{name}::VARCHAR"]
    if tree.head in ("FLOAT", "DOUBLE"):
        return [f"({name} = 0 AND signbit({name}))"]
    narrow = tree.head == "DECIMAL" and int((tree.arguments or ("18",))[0]) <= _NARROW_DIGITS
    return [] if narrow or tree.head in _PLAIN else [f"{name}::VARCHAR"]
