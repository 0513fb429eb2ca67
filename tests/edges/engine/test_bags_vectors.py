"""A value hashes the same however DuckDB holds it: flat, constant, as a sequence or a dictionary, filtered, in Parquet.

The engine's own `hash` is what this rests on, so a new version of DuckDB that breaks it is caught here. Break that was
planted and caught: hashing `rowid` along, as a stand-in for anything that depends on where a row lies.
"""

import itertools
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from relspec.core.digest import BagDigest, combine
from relspec.core.schema import Column
from relspec.edges.engine.bags import bags_of
from relspec.edges.engine.sql import read_parquet

#: Rows are around the sizes at which DuckDB begins another vector (2048) and another row group (122,880).
N_ROWS = 130_000
QUERY = f"""
    SELECT i AS number, 7::INTEGER AS one, i % 3 AS few, 'name ' || i % 5 AS short,
        'a much longer name ' || i % 7 AS long,
        'every row has another text: ' || i AS text, if(i % 11 = 0, NULL, i / 3.0::DOUBLE) AS real,
        if(i % 2 = 0, '-0.0', 'nan')::DOUBLE AS odd, (i % 100)::DECIMAL(38,2) AS exact, [i % 4, NULL] AS listed,
        {{'a': i % 5, 'b': 'x' || i % 3}} AS pair, TIMESTAMP '2020-01-01' + to_seconds(i % 1000) AS at,
        NULL::VARCHAR AS none,
        i % 2 = 0 AS yes, ('\\x00' || i % 9)::BLOB AS bytes
    FROM range({N_ROWS}) t(i)
"""


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": "1"})
    connection.execute(f"CREATE TABLE flat AS {QUERY}")
    return connection


@pytest.fixture(scope="module")
def columns(connection: duckdb.DuckDBPyConnection) -> tuple[Column, ...]:
    return tuple(Column(row[0], row[1]) for row in connection.execute("DESCRIBE flat").fetchall())


@pytest.fixture(scope="module")
def expected(connection: duckdb.DuckDBPyConnection, columns: tuple[Column, ...]) -> tuple[BagDigest, ...]:
    return measured(connection, "flat", columns)


def measured(connection: duckdb.DuckDBPyConnection, source: str, columns: tuple[Column, ...]) -> tuple[BagDigest, ...]:
    """The bag of all columns together, and of the two that every encoding is tried on."""
    return bags_of(connection, source, [columns, (columns[0],), (columns[5],)])[1]


@pytest.mark.parametrize(
    "source",
    [
        f"({QUERY})",
        "(SELECT * FROM flat ORDER BY text DESC)",
        f"(SELECT * FROM flat WHERE few = 0 UNION ALL SELECT * FROM ({QUERY}) WHERE few > 0)",
        "(SELECT * FROM flat WHERE hash(number) % 2 = 0 UNION ALL SELECT * FROM flat WHERE hash(number) % 2 = 1)",
        "(SELECT f.* FROM flat f JOIN (SELECT DISTINCT few FROM flat) USING (few))",
    ],
    ids=["computed", "sorted", "in two halves", "filtered", "joined"],
)
def test_plans_do_not_matter(connection, columns, expected, source: str) -> None:
    assert measured(connection, source, columns) == expected


@pytest.mark.parametrize(
    "options",
    [
        "ROW_GROUP_SIZE 2048",
        "ROW_GROUP_SIZE 10000",
        "DICTIONARY_SIZE_LIMIT 1",
        "PARQUET_VERSION v2",
        "COMPRESSION snappy",
    ],
)
def test_layouts_of_duckdb_parquet_do_not_matter(connection, columns, expected, options: str, tmp_path: Path) -> None:
    path = str(tmp_path / "written.parquet")
    connection.execute(f"COPY flat TO '{path}' (FORMAT parquet, {options})")
    assert measured(connection, read_parquet([path]), columns) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"use_dictionary": True, "row_group_size": 5000},
        {"use_dictionary": False, "data_page_version": "2.0"},
        {"use_dictionary": False, "column_encoding": {"number": "DELTA_BINARY_PACKED", "text": "DELTA_BYTE_ARRAY"}},
        {"use_dictionary": ["short"], "data_page_size": 1000, "write_statistics": False},
    ],
    ids=["dictionaries", "plain", "deltas", "small pages"],
)
def test_layouts_of_arrow_parquet_do_not_matter(connection, columns, expected, options, tmp_path: Path) -> None:
    path = str(tmp_path / "written.parquet")
    pq.write_table(connection.execute("SELECT * FROM flat").to_arrow_table(), path, **options)
    assert measured(connection, read_parquet([path]), columns) == expected


def test_arrow_dictionaries_do_not_matter(connection, columns, expected) -> None:
    table = connection.execute("SELECT * FROM flat").to_arrow_table()
    encoded = pa.table(
        [c.dictionary_encode() if pa.types.is_string(c.type) else c for c in table.columns], names=table.column_names
    )
    connection.register("encoded", encoded)
    casts = ", ".join(f'CAST("{c.name}" AS {c.type}) AS "{c.name}"' for c in columns)
    assert measured(connection, f"(SELECT {casts} FROM encoded)", columns) == expected
    connection.unregister("encoded")


def test_parts_of_any_size_add_up(connection, columns, expected) -> None:
    cuts = [0, 0, 1, 2047, 4095, 4096, 6145, 122_880, N_ROWS]
    parts = [
        measured(connection, f"(SELECT * FROM flat WHERE number >= {a} AND number < {b})", columns)
        for a, b in itertools.pairwise(cuts)
    ]
    assert tuple(combine(bags) for bags in zip(*parts, strict=True)) == expected


def test_constant_tables_are_like_stored_ones(connection, columns) -> None:
    """A constant makes a constant vector; the same row out of a table does not."""
    for n in (1, 2048, 5000):
        connection.execute(f"CREATE OR REPLACE TABLE copies AS SELECT * FROM (FROM flat LIMIT 1), range({n}) r(copy)")
        literal = QUERY.replace(f"range({N_ROWS}) t(i)", f"(SELECT 0::BIGINT AS i FROM range({n}))")
        assert measured(connection, f"({literal})", columns) == measured(connection, "copies", columns)


def test_the_number_of_threads_does_not_matter(connection, columns, expected) -> None:
    with duckdb.connect(config={"threads": "4"}) as other:
        assert measured(other, f"({QUERY})", columns) == expected
