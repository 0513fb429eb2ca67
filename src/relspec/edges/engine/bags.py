"""Hashing rows as a bag: what makes two inputs the same to a consumer.

Values are the same when no query tells them apart: 0.0 and -0.0 are two values, so are NaNs of different bits, one
month and thirty days, an empty list and NULL. The same instant written in two zones is one value.

Each row is hashed twice with DuckDB's 64-bit `hash`, over all columns at once, in the order of their lower-case names.
The total is the sum of the first hashes times 2^64 plus the sum of the second ones, modulo 2^128. Sums do not see the
order of rows, do see how often a row occurs, and add up over part files, as `core.digest.combine` does it.

`hash` alone does not tell everything apart, and it mixes badly where it is fed well-ordered data (1.5.6, measured), so
more goes into it than the values:
- 0.0 and -0.0 hash alike, and so do all NaNs: these floats bring their bits along.
- '1 month' and '30 days' hash alike, so do an empty list and NULL: intervals and nested values bring their text along.
- 128-bit values hash to the exclusive or of their halves, so halves may be swapped: decimals bring their negation
  along, which has other halves, and UUIDs their text.
- Strings are hashed by blocks of eight bytes, and the last byte of a block hardly spreads: of the hundred strings
  '0000000a0000000b' ten collide, and a blob of two doubles collides with its negation. What is longer than twelve bytes
  brings its MD5 along, shorter strings have not enough bytes to cancel out.
- NULL hashes to a constant that some value also has: the second hash takes in which columns are NULL.
- The hashes of columns are joined by a multiplication and an exclusive or, which keep the bits of a sum nearly as they
  were when two rows swap partners: a joined hash is hashed again before it is added.
The second hash takes the values in the opposite order after a salt, so that rows whose first hashes cancel out do not
cancel out in both. A million rows of eight columns cost 2.7 times what reading them does; see `tests/bench/digest.py`.
"""

from collections.abc import Sequence

import duckdb

from relspec.core.digest import BagDigest
from relspec.core.schema import Column
from relspec.core.types import TypeTree, parse, replaced
from relspec.edges.engine.sql import identifier

_SALT = "'relspec edge-2'"
_MODULUS = 1 << 128

#: Types whose `hash` is one to one.
_PLAIN = frozenset({"BOOLEAN", "DATE", "TIME", "TIME_NS", "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"})
_PLAIN |= {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
#: Decimals of more digits take 128 bits.
_NARROW_DIGITS = 18
#: Up to this many bytes a string's `hash` is as good as one to one.
_SHORT_BYTES = 12


def bags_of(
    connection: duckdb.DuckDBPyConnection, source: str, column_sets: Sequence[Sequence[Column]]
) -> tuple[int, tuple[BagDigest, ...]]:
    """Digest the relation `source` (a table or a query in parentheses) over each column set, and count its rows.

    Cost: one scan for all sets. The empty set gives the number of rows with a total of zero.
    """
    (row,) = connection.execute(_measuring(source, column_sets)).fetchall()
    return row[0], _bags(row, column_sets)


def bags_by(
    connection: duckdb.DuckDBPyConnection, source: str, key: str, column_sets: Sequence[Sequence[Column]]
) -> dict[str, tuple[BagDigest, ...]]:
    """Digest the rows of each value of the column `key` apart. Cost: one scan for all."""
    rows = connection.execute(_measuring(source, column_sets, key)).fetchall()
    return {value: _bags(row, column_sets) for *row, value in rows}


def nothing(column_sets: Sequence[Sequence[Column]]) -> tuple[BagDigest, ...]:
    """The bags of no rows."""
    return _bags([0], [()] * len(column_sets))


def _measuring(source: str, column_sets: Sequence[Sequence[Column]], key: str | None = None) -> str:
    """Write the query that counts and sums; grouped by `key`, which comes last then.

    What hashes take in is written once, below them: DuckDB takes 1.3 ms for a small table so, and 2.4 where each hash
    has it written out.
    """
    columns = {column.name.lower(): column for columns in column_sets for column in columns}
    taken = {name: _Taken(number, column) for number, (name, column) in enumerate(columns.items())}
    below = [text for column in taken.values() for text in column.listed()]
    sets = ([taken[name] for name in sorted(c.name.lower() for c in columns)] for columns in column_sets if columns)
    measures = ["count(*)", *(text for of_set in sets for text in _sums(of_set))]
    grouped = ""
    if key is not None:
        below.append(f"{identifier(key)} AS k")
        measures.append("k")
        grouped = " GROUP BY k"
    return f"SELECT {', '.join(measures)} FROM (SELECT {', '.join(below) or 'NULL'} FROM {source}){grouped}"


def _bags(row: Sequence[int | None], column_sets: Sequence[Sequence[Column]]) -> tuple[BagDigest, ...]:
    """Read the number of rows and the sums of hashes of one group; of no rows they are NULL."""
    values = iter(row[1:])
    totals = [((next(values) or 0) << 64) + (next(values) or 0) if columns else 0 for columns in column_sets]
    return tuple(BagDigest(row[0] or 0, f"{total % _MODULUS:032x}") for total in totals)


class _Taken:
    """A column as hashes take it in: its value, whether that is NULL, and what tells apart values that hash alike."""

    def __init__(self, number: int, column: Column) -> None:
        self._column = column
        self._texts = _marks(column)
        self.value, self.is_null = f"v{number}", f"n{number}"
        self.marks = [f"m{number}_{place}" for place in range(len(self._texts))]

    def listed(self) -> list[str]:
        """The items of a SELECT that give all these."""
        name = identifier(self._column.name)
        marks = (f"{text} AS {mark}" for text, mark in zip(self._texts, self.marks, strict=True))
        return [f"{name} AS {self.value}", f"{name} IS NULL AS {self.is_null}", *marks]


def _sums(taken: Sequence[_Taken]) -> tuple[str, str]:
    values, marks = [t.value for t in taken], [mark for t in taken for mark in t.marks]
    first = [*values, *marks]
    second = [_SALT, *reversed(values), *(t.is_null for t in taken), *marks]
    return _sum(first), _sum(second)


def _sum(terms: Sequence[str]) -> str:
    return f"sum(hash(hash({', '.join(terms)}))::HUGEINT)"


def _marks(column: Column) -> list[str]:
    """Say what tells values apart that hash alike."""
    name = identifier(column.name)
    match _tree(column):
        case TypeTree(head, arguments) if head in _PLAIN or (head == "DECIMAL" and int(arguments[0]) <= _NARROW_DIGITS):
            return []
        case TypeTree("DECIMAL"):
            return [f"-{name}"]
        case TypeTree("FLOAT" | "DOUBLE"):
            return [f"CASE WHEN {name} = 0 OR isnan({name}) THEN {name}::BIT END"]
        case TypeTree("VARCHAR" | "JSON"):
            return [_mark_of_long(name, "strlen")]
        case TypeTree("BLOB"):
            return [_mark_of_long(name, "octet_length")]
    return [*_text_marks(f"{name}::VARCHAR"), *_nested_nan_marks(name, column.type)]


def _tree(column: Column) -> TypeTree | None:
    try:
        return parse(column.type)
    except ValueError:
        return None


def _text_marks(text: str) -> list[str]:
    return [text, _mark_of_long(text, "strlen")]


def _mark_of_long(value: str, length: str) -> str:
    return f"CASE WHEN {length}({value}) > {_SHORT_BYTES} THEN md5_number({value}) END"


def _nested_nan_marks(name: str, type_text: str) -> list[str]:
    """The bits of nested floats, where the text of a value says that there may be a NaN."""
    bits = replaced(type_text, {"FLOAT": "BIT", "DOUBLE": "BIT"})
    if bits == type_text:
        return []
    text = f"CAST({name} AS {bits})::VARCHAR"
    return [f"CASE WHEN contains({name}::VARCHAR, 'nan') THEN md5_number({text}) END"]
