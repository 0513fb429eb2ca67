"""Hashing a Parquet file column by column, in one pass: what a reader of some columns need not read again.

A file that is written again with one column changed has the same bytes in all others, and to see that takes a sixth of
the time that measuring them takes. The bytes of a column are those of its pages, found by going from header to header
as DuckDB does: where the footer's sizes say otherwise, the file is hashed as a whole.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from io import BufferedReader

from relspec.core.digest import bulk_digest, digest_of
from relspec.edges.engine.footer import MAGIC, Chunk, StoredColumn, columns_in
from relspec.edges.engine.objects import content_of_file
from relspec.edges.engine.thrift import I32, STRUCT, read_struct

#: A footer is read at 0.3 microseconds a byte, bytes are hashed at 0.0007: a larger one is not worth it.
_BYTES_PER_FOOTER_BYTE = 256
_TAIL = 4 + len(MAGIC)
#: More than the header of a page takes, unless it repeats long values.
_HEADER_BYTES = 4096
#: Larger pieces do not stay in the processor's cache until they are hashed.
_READ_BYTES = 1 << 18

_COMPRESSED_SIZE = (3, I32)
_PAGES = ((5, STRUCT), (8, STRUCT))
_N_VALUES = (1, I32)

Columns = tuple[tuple[str, str], ...]


def content_by_columns(file: BufferedReader) -> tuple[str, Columns]:
    """Hash an open Parquet file: all its bytes, and for each column by lower-case name the bytes and what they mean.

    There are no columns where the file is too small for it, or is not understood; its content is then that of any file.
    """
    descriptor = file.fileno()
    size = os.fstat(descriptor).st_size
    try:
        footer = _footer(descriptor, size)
        columns = columns_in(footer, size - _TAIL - len(footer))
        for column in columns:
            for chunk in column.chunks:
                _check_pages(descriptor, chunk)
    except ValueError:
        return content_of_file(file), ()
    return _hashed(descriptor, size, footer, columns)


def _footer(descriptor: int, size: int) -> bytes:
    tail = os.pread(descriptor, _TAIL, max(0, size - _TAIL))
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or length * _BYTES_PER_FOOTER_BYTE > size - _TAIL:
        raise ValueError("no Parquet file, or a small one")
    return os.pread(descriptor, length, size - _TAIL - length)


def _check_pages(descriptor: int, chunk: Chunk) -> None:
    """Raise ValueError unless the pages with the values of a chunk fill just the bytes that are said to be its own."""
    at, left = chunk.start, chunk.n_values
    while left > 0 and at < chunk.end:
        header, length = read_struct(os.pread(descriptor, _HEADER_BYTES, at), 0)
        at += length + max(0, header.get(_COMPRESSED_SIZE, 0))
        left -= sum(max(0, header[page].get(_N_VALUES, 0)) for page in _PAGES if page in header)
    if left or at != chunk.end:
        raise ValueError("a chunk has other pages than its size says")


def _hashed(descriptor: int, size: int, footer: bytes, columns: Iterable[StoredColumn]) -> tuple[str, Columns]:
    chunks = sorted((c for column in columns for c in column.chunks), key=lambda c: (c.start, c.end))
    hashes = {chunk: _hash_of(descriptor, [(chunk.start, chunk.end)]) for chunk in chunks}
    starts, ends = [0, *(c.end for c in chunks)], [*(c.start for c in chunks), size]
    rest = _hash_of(descriptor, zip(starts, ends, strict=True))
    # The footer says where the chunks lie, so these are all bytes of the file.
    content = digest_of("parquet-1", footer, rest, *(hashes[chunk] for chunk in chunks))
    return content, tuple((column.name.lower(), _digest(column, hashes)) for column in columns)


def _digest(column: StoredColumn, hashes: Mapping[Chunk, bytes]) -> str:
    return digest_of("column-1", column.sense, *(hashes[chunk] for chunk in column.chunks))


def _hash_of(descriptor: int, spans: Iterable[tuple[int, int]]) -> bytes:
    return bulk_digest(piece for start, end in spans for piece in _pieces(descriptor, start, end))


def _pieces(descriptor: int, start: int, end: int) -> Iterator[memoryview]:
    """Read a span; each piece is good until the next. New memory for each would cost half as much as hashing does."""
    room = memoryview(bytearray(min(_READ_BYTES, end - start)))
    while start < end:
        n_read = os.preadv(descriptor, [room[: end - start]], start)
        if not n_read:
            # It was cut while it was read, which its stamp will tell.
            return
        yield room[:n_read]
        start += n_read
