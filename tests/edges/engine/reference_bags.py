"""The slow, obvious reference of a bag: rows of canonical Python values, counted.

It reads what Arrow says of a table and shares nothing with the digests. Values are the same when their bits are: floats
are compared as integers of their width, times as numbers of their unit, decimals as digits, nested values as tuples.
"""

import itertools
from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Any

import pyarrow as pa

Row = tuple[Hashable, ...]

_NULL = ("null",)


def bag_of_table(table: pa.Table, names: Iterable[str]) -> Counter[Row]:
    """Count the rows of some columns, in the order of their lower-case names; of no columns, count empty rows."""
    found = {field.name.lower(): canonical(table.column(at)) for at, field in enumerate(table.schema)}
    columns = [found[name.lower()] for name in sorted(names, key=str.lower)]
    return Counter(zip(*columns, strict=True)) if columns else Counter({(): table.num_rows} if table.num_rows else {})


def canonical(column: pa.ChunkedArray) -> list[Hashable]:
    """The values of a column, such that two are equal exactly when nothing tells them apart."""
    return [value for chunk in column.chunks for value in _values(chunk)]


def _values(array: pa.Array) -> list[Hashable]:
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _values(array.storage)
    if array.offset:  # A slice: its children would be those of the whole.
        array = pa.concat_arrays([array, array.slice(0, 0)])
        assert array.offset == 0
    valid = array.is_valid().to_pylist()
    return [value if there else _NULL for there, value in zip(valid, _present(array, kind), strict=True)]


def _present(array: pa.Array, kind: pa.DataType) -> list[Any]:
    if pa.types.is_map(kind):
        entries = list(zip(_values(array.keys), _values(array.items), strict=True))
        return _slices(entries, array.offsets.to_pylist())
    if pa.types.is_fixed_size_list(kind):
        size = kind.list_size
        return _slices(_values(array.values), [at * size for at in range(len(array) + 1)])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _slices(_values(array.values), array.offsets.to_pylist())
    if pa.types.is_struct(kind):
        fields = [_values(array.field(at)) for at in range(kind.num_fields)]
        return list(zip(*fields, strict=True))
    if (pa.types.is_floating(kind) or pa.types.is_temporal(kind)) and kind != pa.month_day_nano_interval():
        return array.view(pa.int64() if kind.bit_width == 64 else pa.int32()).to_pylist()
    return [value if value is None else _scalar(value) for value in array.to_pylist()]


def _scalar(value: object) -> Hashable:
    if isinstance(value, pa.MonthDayNano):
        return (value.months, value.days, value.nanoseconds)
    # A boolean and a number, a text and its bytes are equal or hash alike in Python, and are not the same here.
    return (type(value).__name__, str(value) if type(value).__name__ == "Decimal" else value)


def _slices(values: list[Any], offsets: list[int]) -> list[tuple[Any, ...]]:
    return [tuple(values[start:end]) for start, end in itertools.pairwise(offsets)]
