"""What the footer of a Parquet file says: where the bytes of each column lie, and what decides which values they are.

Equal bytes of a column are equal values when all that says how to read them is equal too. So everything that the footer
says of the column and of the whole file goes into its `sense`, also what has no effect as far as we know; left out is
only what says of places and sizes where other columns lie. Of a file in which anything is there that we do not know, or
not as it should be, nothing is said: see `columns_in`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from relspec.edges.engine.thrift import BINARY, I32, I64, LIST, STRUCT, Fields, read_struct

MAGIC = b"PAR1"

# Fields of the footer, of a row group, of a chunk, of what is said of its bytes, and of an element of the schema.
_SCHEMA, _ROW_GROUPS, _ORDERS = (2, LIST), (4, LIST), (7, LIST)
_FOOTER = {(1, I32), _SCHEMA, (3, I64), _ROW_GROUPS, (5, LIST), (6, BINARY), _ORDERS}
_CHUNKS, _N_ROWS = (1, LIST), (3, I64)
_ROW_GROUP_PLACES = {(2, I64), (5, I64), (6, I64)}
_META = (3, STRUCT)
_CHUNK = {(2, I64), _META, (4, I64), (5, I32), (6, I64), (7, I32)}
_N_VALUES, _SIZE, _DATA, _INDEX, _DICTIONARY = (5, I64), (7, I64), (9, I64), (10, I64), (11, I64)
_CHUNK_PLACES = {_DATA, _INDEX, _DICTIONARY, (14, I64)}
_NAME, _N_CHILDREN = (4, BINARY), (5, I32)


class Chunk(msgspec.Struct, frozen=True):
    """The pages of one leaf of a column in one row group: where they begin and end, and of how many values they are."""

    start: int
    end: int
    n_values: int


class StoredColumn(msgspec.Struct, frozen=True):
    """A column with all that is nested in it: its chunks, row group by row group, and what they mean."""

    name: str
    sense: bytes
    chunks: tuple[Chunk, ...]


def columns_in(footer: bytes, end: int) -> tuple[StoredColumn, ...]:
    """List the columns of a file whose footer begins at `end`; raises ValueError for one that we do not understand."""
    said, size = read_struct(footer, 0)
    if size != len(footer) or said.keys() - _FOOTER:
        raise ValueError("the footer says more than we know")
    try:
        columns = tuple(_columns(said))
    except (KeyError, IndexError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError("the footer does not say what it should") from error
    _check_places([chunk for column in columns for chunk in column.chunks], end)
    if len({column.name.lower() for column in columns}) != len(columns):
        raise ValueError("two columns have one name")
    return columns


def _columns(said: Fields) -> Iterator[StoredColumn]:
    root, *elements = said[_SCHEMA]
    groups = [_RowGroup(group) for group in said[_ROW_GROUPS]]
    of_all = {key: value for key, value in said.items() if key not in {_SCHEMA, _ROW_GROUPS, _ORDERS}}
    common = [of_all, _without(root, {_N_CHILDREN}), [group.sense for group in groups]]
    orders = said.get(_ORDERS)
    leaf = 0
    for own in _trees(elements, root[_N_CHILDREN]):
        n_leaves = sum(1 for element in own if not element.get(_N_CHILDREN))
        leaves = slice(leaf, leaf + n_leaves)
        chunks = [pair for group in groups for pair in group.chunks(leaves)]
        sense = [*common, own, orders and orders[leaves], [sense for sense, _ in chunks]]
        yield StoredColumn(own[0][_NAME].decode(), repr(sense).encode(), tuple(chunk for _, chunk in chunks))
        leaf += n_leaves
    if any(group.n_chunks != leaf for group in groups):
        raise ValueError("a row group has not all columns")


def _trees(elements: Sequence[Fields], n_trees: int) -> Iterator[Sequence[Fields]]:
    """Cut the elements of a schema, which stand in the order of a walk, into those of each column."""
    at = 0
    for _ in range(n_trees):
        start, missing = at, 1
        while missing:
            missing += (elements[at].get(_N_CHILDREN) or 0) - 1
            at += 1
        yield elements[start:at]
    if at != len(elements):
        raise ValueError("the schema has elements that no column has")


class _RowGroup:
    """A row group: what it says of all its columns, and its chunks."""

    def __init__(self, said: Fields) -> None:
        self._chunks = said[_CHUNKS]
        self._n_rows = said[_N_ROWS]
        self.n_chunks = len(self._chunks)
        self.sense = _without(said, {_CHUNKS, *_ROW_GROUP_PLACES})

    def chunks(self, leaves: slice) -> list[tuple[Any, Chunk]]:
        """The chunks of some leaves, each with what it says of its bytes."""
        chunks = self._chunks[leaves]
        if len(chunks) != leaves.stop - leaves.start:
            raise ValueError("a row group has not all columns")
        found = [_chunk(chunk) for chunk in chunks]
        if any(chunk.n_values < self._n_rows for _, chunk in found):
            # DuckDB would look for the others behind the pages of the chunk.
            raise ValueError("a chunk has fewer values than there are rows")
        return found


def _chunk(said: Fields) -> tuple[Any, Chunk]:
    if said.keys() - _CHUNK:
        raise ValueError("a chunk lies in another file, or is encrypted")
    meta = said[_META]
    # Where DuckDB begins to read.
    start = meta.get(_DICTIONARY, 0) if meta.get(_DICTIONARY, 0) >= len(MAGIC) else meta[_DATA]
    places = [(key, meta[key] - start) for key in (_DATA, _INDEX, _DICTIONARY) if key in meta]
    return [_without(meta, _CHUNK_PLACES), places], Chunk(start, start + meta[_SIZE], meta[_N_VALUES])


def _without(said: Fields, keys: set[tuple[int, int]]) -> Fields:
    return {key: value for key, value in said.items() if key not in keys}


def _check_places(chunks: Sequence[Chunk], end: int) -> None:
    at = len(MAGIC)
    for chunk in sorted(chunks, key=lambda c: (c.start, c.end)):
        if not at <= chunk.start <= chunk.end <= end:
            raise ValueError("chunks lie over each other or outside")
        at = chunk.end
