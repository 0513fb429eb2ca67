"""Reading the compact protocol of Thrift, in which Parquet writes its footer and the headers of its pages.

A structure becomes a dictionary. Its keys are the number of a field and how it is written, so that what is written in
another way than it should be is another field, which is what DuckDB takes it for. Nothing is left out, since whoever
compares two structures has to see what he does not know. Anything else than a well-formed structure is a ValueError.
"""

from typing import Any

Fields = dict[tuple[int, int], Any]

#: How values are written.
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, _, STRUCT = range(1, 13)
_WIDTHS = {BYTE: 1, DOUBLE: 8}
_BITS_MAX = 64
#: Deeper structures are none of Parquet's.
_DEPTH_MAX = 16


def read_struct(data: bytes, at: int) -> tuple[Fields, int]:
    """Read the structure that begins at `at`; returns it and where it ends."""
    try:
        return _struct(data, at, 0)
    except IndexError as error:
        raise ValueError("the bytes end within a structure") from error


def _struct(data: bytes, at: int, depth: int) -> tuple[Fields, int]:
    if depth > _DEPTH_MAX:
        raise ValueError("structures are nested too deeply")
    fields: Fields = {}
    number = 0
    while True:
        head = data[at]
        at += 1
        if head == 0:
            return fields, at
        if head >> 4:
            number += head >> 4
        else:
            number, at = _integer(data, at)
        key = (number, head & 15)
        if key in fields:
            raise ValueError(f"field {number} is there twice")
        fields[key], at = _value(data, at, head & 15, depth)


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if I16 <= kind <= I64:
        return _integer(data, at)
    if kind in (TRUE, FALSE):
        return kind == TRUE, at
    if kind == STRUCT:
        return _struct(data, at, depth + 1)
    if kind in (LIST, SET):
        return _list(data, at, depth)
    if kind != BINARY and kind not in _WIDTHS:
        raise ValueError(f"nothing of Parquet's is written as {kind}")
    size, at = _natural(data, at) if kind == BINARY else (_WIDTHS[kind], at)
    return _bytes(data, at, size)


def _list(data: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    head = data[at]
    at += 1
    kind, size = head & 15, head >> 4
    if size == 15:
        size, at = _natural(data, at)
    # Within a list a truth value takes a byte of its own.
    kind = BYTE if kind in (TRUE, FALSE) else kind
    values = []
    for _ in range(size):
        value, at = _value(data, at, kind, depth)
        values.append(value)
    return values, at


def _bytes(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    if at + size > len(data):
        raise ValueError("the bytes end within a value")
    return data[at : at + size], at + size


def _integer(data: bytes, at: int) -> tuple[int, int]:
    value, at = _natural(data, at)
    return (value >> 1) ^ -(value & 1), at


def _natural(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > _BITS_MAX:
            raise ValueError("a number is too long")
