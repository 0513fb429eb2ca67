"""Hashing Parquet column by column: what stays is seen as staying, and nothing else is."""

import random
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from relspec.core.digest import content_of
from relspec.edges.engine import columns as module
from relspec.edges.engine.columns import content_by_columns

N_ROWS = 20_000
WRITERS = {
    "pages of version 1": {"data_page_version": "1.0"},
    "pages of version 2": {"data_page_version": "2.0"},
    "no dictionaries": {"use_dictionary": False},
    "small pages, with an index": {"data_page_size": 2000, "write_page_index": True},
    "several row groups": {"row_group_size": 6000},
    "not compressed": {"compression": "none"},
    "no statistics": {"write_statistics": False},
}


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], tuple[str, dict[str, str]]]:
    """Hash a file as if none was too small for it."""
    monkeypatch.setattr(module, "_BYTES_PER_FOOTER_BYTE", 1)

    def hashed(data: bytes) -> tuple[str, dict[str, str]]:
        path = tmp_path / "data.parquet"
        path.write_bytes(data)
        with path.open("rb") as file:
            assert isinstance(file, BufferedReader)
            content, columns = content_by_columns(file)
        return content, dict(columns)

    return hashed


def columns(seed: int = 1) -> dict[str, pa.Array]:
    draw = random.Random(seed)
    numbers = [draw.randrange(1 << 40) for _ in range(N_ROWS)]
    return {
        "Id": pa.array(numbers),
        "city": pa.array([f"city {n % 7}" for n in numbers]),
        "tags": pa.array([[n % 3, None] if n % 5 else None for n in numbers]),
        "pair": pa.array([{"x": n % 11, "y": str(n % 13)} for n in numbers]),
        "left": pa.array([n % 1000 for n in numbers], pa.int32()),
    }


def file_of(arrays: dict[str, pa.Array], **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays), sink, **options)
    return sink.getvalue().to_pybytes()


def changed(array: pa.Array) -> pa.Array:
    """The same array with the values of two rows in each other's place."""
    values = array.to_pylist()
    at = next(i for i, value in enumerate(values) if value != values[0])
    values[0], values[at] = values[at], values[0]
    return pa.array(values, array.type)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_column_that_changes_changes_its_own_hash_and_no_other(read, writer: str) -> None:
    """Two rows swap their values in one column: no bag of that column alone would tell.

    Caught: hashes with places in them.
    """
    arrays = columns()
    content, before = read(file_of(arrays, **WRITERS[writer]))
    assert list(before) == ["id", "city", "tags", "pair", "left"]
    for name, array in arrays.items():
        other, after = read(file_of({**arrays, name: changed(array)}, **WRITERS[writer]))
        assert {column for column in before if after[column] != before[column]} == {name.lower()}
        assert other != content


@pytest.mark.parametrize("leaf", ["x", "y"])
def test_every_row_group_and_every_leaf_counts(read, leaf: str) -> None:
    """The footer tells nothing of this change. Caught: hashes of the first chunk, row group, or leaf alone."""
    how = {"row_group_size": 6000, "compression": "none", "use_dictionary": False, "write_statistics": False}
    rows = [{"x": i, "y": -i} for i in range(N_ROWS)]
    content, before = read(file_of({"pair": pa.array(rows)}, **how))
    rows[-1], rows[-2] = ({**one, leaf: other[leaf]} for one, other in ((rows[-1], rows[-2]), (rows[-2], rows[-1])))
    other, after = read(file_of({"pair": pa.array(rows)}, **how))
    assert (before["pair"] != after["pair"], content != other) == (True, True)


def test_a_column_of_another_size_moves_the_others_and_changes_none(read) -> None:
    """Caught: hashing where a chunk lies, and the sizes of whole row groups."""
    arrays = columns()
    # Arrow's own notes of the schema belong to all columns.
    how = {"row_group_size": 6000, "store_schema": False}
    _, before = read(file_of(arrays, **how))
    _, after = read(file_of({**arrays, "Id": pa.array([f"a longer text {i}" for i in range(N_ROWS)])}, **how))
    assert {column for column in before if after[column] != before[column]} == {"id"}
    _, more = read(file_of({"new": NUMBERS, **arrays}, **how))
    assert {column: more[column] for column in before} == before


def only(array: pa.Array, **options: object) -> bytes:
    """A file with one column, and without Arrow's own notes of what is in it."""
    return file_of({"a": array}, store_schema=False, **options)


def required(array: pa.Array) -> bytes:
    sink = pa.BufferOutputStream()
    schema = pa.schema([pa.field("a", array.type, nullable=False)])
    pq.write_table(pa.table([array], schema=schema), sink, store_schema=False)
    return sink.getvalue().to_pybytes()


NUMBERS = pa.array(random.Random(2).choices(range(1 << 40), k=N_ROWS))
TEXTS = pa.array([f"city {i % 7}" for i in range(N_ROWS)])
PLAIN = {"use_dictionary": False, "write_statistics": False}
#: Files whose column says something else, though much of their bytes is the same.
PAIRS = {
    "another logical type": (only(NUMBERS, **PLAIN), only(NUMBERS.cast(pa.timestamp("us")), **PLAIN)),
    "another unit": (
        only(NUMBERS.cast(pa.timestamp("us")), **PLAIN),
        only(NUMBERS.cast(pa.timestamp("ms")), coerce_timestamps="ms", **PLAIN),
    ),
    "text or bytes": (only(TEXTS, **PLAIN), only(TEXTS.cast(pa.binary()), **PLAIN)),
    "another dictionary": (only(TEXTS), only(pa.array([f"town {i % 7}" for i in range(N_ROWS)]))),
    "another codec": (only(NUMBERS), only(NUMBERS, compression="zstd")),
    "other row groups": (only(NUMBERS, row_group_size=5000), only(NUMBERS, row_group_size=10_000)),
    "another order of row groups": (
        only(NUMBERS, row_group_size=10_000),
        only(pa.concat_arrays([NUMBERS[10_000:], NUMBERS[:10_000]]), row_group_size=10_000),
    ),
    "rows more": (only(NUMBERS), only(pa.concat_arrays([NUMBERS, NUMBERS[:1]]))),
    "a row group more": (
        only(NUMBERS, row_group_size=N_ROWS),
        only(pa.concat_arrays([NUMBERS, NUMBERS[:1]]), row_group_size=N_ROWS),
    ),
    "required or optional": (required(NUMBERS), only(NUMBERS)),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_what_reads_as_something_else_has_another_hash(read, pair: str) -> None:
    """Caught: each that is told by the footer alone, with the footer left out of the hash."""
    (first, before), (second, after) = map(read, PAIRS[pair])
    assert before
    assert after
    assert (before["a"] != after["a"], first != second) == (True, True)


def zigzag(value: int) -> bytes:
    value, out = value << 1, bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def test_statistics_that_lie_belong_to_the_column(read) -> None:
    """DuckDB leaves out what they rule out, so a lie may change what a query gives."""
    data = only(NUMBERS, use_dictionary=False)
    statistics = pq.read_metadata(pa.BufferReader(data)).row_group(0).column(0).statistics
    least = statistics.min.to_bytes(8, "little")
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    lying = data[:footer] + data[footer:].replace(least, (statistics.min + 1).to_bytes(8, "little"))
    assert lying != data
    assert read(lying)[1]["a"] != read(data)[1]["a"]


@pytest.mark.parametrize("off", [-2, 2])
def test_a_size_that_lies_is_not_believed(read, off: int) -> None:
    """DuckDB reads on to where the pages end. Caught: the bytes of a column taken from the footer alone."""
    data = file_of(dict.fromkeys("abc", NUMBERS), compression="none", use_dictionary=False, write_statistics=False)
    size = pq.read_metadata(pa.BufferReader(data)).row_group(0).column(1).total_compressed_size
    said = zigzag(size)
    # It stands in each chunk twice, not compressed and compressed; the fourth is that of the second column.
    at = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    for _ in range(4):
        at = data.index(said, at + 1)
    lying = data[:at] + zigzag(size + off) + data[at + len(said) :]
    assert pq.read_metadata(pa.BufferReader(lying)).row_group(0).column(1).total_compressed_size == size + off
    assert read(data)[1]
    assert read(lying) == (content_of(lying), {})


def test_fewer_values_than_rows_are_not_understood(read) -> None:
    """DuckDB reads on behind the pages for the others."""
    data = file_of({"a": NUMBERS, "b": NUMBERS}, write_statistics=False, use_dictionary=False)
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    # The last number of this kind is the rows of the row group.
    at = data.rindex(zigzag(N_ROWS))
    assert at > footer
    lying = data[:at] + zigzag(N_ROWS + 1) + data[at + len(zigzag(N_ROWS)) :]
    assert pq.read_metadata(pa.BufferReader(lying)).row_group(0).num_rows == N_ROWS + 1
    assert read(data)[1]
    assert read(lying) == (content_of(lying), {})


def test_every_byte_belongs_to_the_content(read) -> None:
    """Caught: content without what lies between the chunks, and without the footer."""
    data = file_of(columns(), **WRITERS["small pages, with an index"])
    whole, _ = read(data)
    draw = random.Random(3)
    footer = len(data) - int.from_bytes(data[-8:-4], "little") - 8
    places = {0, 3, footer - 1, footer, len(data) - 1, *draw.sample(range(footer), 40)}
    places |= {footer + at for at in draw.sample(range(len(data) - footer), 40)}
    for at in places:
        other = bytearray(data)
        other[at] ^= 1 << draw.randrange(8)
        assert read(bytes(other))[0] != whole, at


def test_a_footer_that_is_not_understood_gives_the_content_of_any_file(read) -> None:
    data = file_of(columns())
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    broken = [data[:footer] + b"\0" * (len(data) - 8 - footer) + data[-8:], data[:-4] + b"PARE", b"", b"PAR1", b"x"]
    broken += [data[:-8] + (1 << 20).to_bytes(4, "little") + b"PAR1", data[: len(data) // 2]]
    for some in broken:
        assert read(some) == (content_of(some), {})


def test_no_damage_to_a_footer_stops_the_hashing(read) -> None:
    """Whatever stands there, there is an answer; where there are columns, the file has another content all the same."""
    data = file_of({"a": NUMBERS[:3000], "b": TEXTS[:3000], "c": columns()["tags"][:3000]}, row_group_size=1000)
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    whole, _ = read(data)
    draw = random.Random(4)
    for _ in range(500):
        other = bytearray(data)
        for _ in range(draw.randrange(1, 4)):
            other[draw.randrange(footer, len(data) - 8)] = draw.choice([0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)])
        assert bytes(other) == data or read(bytes(other))[0] != whole


@pytest.mark.parametrize("writer", ["several row groups", "small pages, with an index"])
def test_a_column_of_the_same_hash_reads_as_the_same_values(read, place, writer: str) -> None:
    """Whatever else is damaged in the file, as far as DuckDB opens it at all."""
    arrays = {name: array[:3000] for name, array in columns().items()}
    data = file_of(arrays, **{**WRITERS[writer], "row_group_size": 1000, "store_schema": False})
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    _, before = read(data)
    path, draw, n_same = place.root / "damaged.parquet", random.Random(5), 0

    def values(column: str) -> list[tuple[str]]:
        return place.connection.execute(f"SELECT \"{column}\"::VARCHAR FROM '{path}'").fetchall()

    path.write_bytes(data)
    expected = {column: values(column) for column in before}
    for _ in range(120):
        other = bytearray(data)
        at = draw.randrange(footer if draw.random() < 0.8 else 0, len(data) - 8)
        other[at] = draw.choice([other[at] ^ 1, (other[at] + 1) % 256, draw.randrange(256)])
        path.write_bytes(other)
        try:
            place.connection.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
        except duckdb.Error:
            continue
        _, after = read(bytes(other))
        for column in (name for name in before if after.get(name) == before[name]):
            n_same += 1
            assert values(column) == expected[column]
    assert n_same > 50


def test_a_small_file_is_hashed_as_a_whole(read, monkeypatch) -> None:
    data = file_of({"a": pa.array([1, 2, 3])})
    assert read(data)[1]
    monkeypatch.undo()
    assert read(data) == (content_of(data), {})


def test_two_columns_of_one_name_are_not_told_apart(read) -> None:
    """DuckDB calls the second one otherwise."""
    data = file_of({"a": NUMBERS, "A": NUMBERS})
    assert read(data) == (content_of(data), {})


def test_what_duckdb_writes_is_understood(read, place) -> None:
    path = place.root / "w.parquet"
    seen = []
    for unused in ("i", "i + 1"):
        query = f"SELECT i * 7 AS k, 's' || i % 10 AS s, [i] AS l, {unused} AS u FROM range(300000) t(i)"
        place.connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
        seen.append(read(path.read_bytes())[1])
    assert [name for name in seen[0] if seen[0][name] != seen[1][name]] == ["u"]
