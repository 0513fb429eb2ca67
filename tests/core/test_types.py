"""Types by their texts: one text for one type, and a stored type that survives Parquet, checked against DuckDB."""

from pathlib import Path

import duckdb
import pytest

from relspec.core.types import canonical_type, heads, stored_type, type_family

SPELLINGS = [
    ("timestamptz", "TIMESTAMP WITH TIME ZONE"),
    ("timestamp with time zone", "TIMESTAMP WITH TIME ZONE"),
    ("int", "INTEGER"),
    ("double precision", "DOUBLE"),
    ("decimal", "DECIMAL(18,3)"),
    ("numeric(5)", "DECIMAL(5,0)"),
    ("DECIMAL(10, 2)", "DECIMAL(10,2)"),
    ("varchar(3)", "VARCHAR"),
    ("bigint[3][]", "BIGINT[3][]"),
    ("map(int, text)", "MAP(INTEGER, VARCHAR)"),
    ("enum('a', 'b''c')", "ENUM('a', 'b''c')"),
]


@pytest.mark.parametrize(("spelled", "expected"), SPELLINGS)
def test_a_type_has_one_text_and_it_is_the_binders(spelled: str, expected: str) -> None:
    (row,) = duckdb.connect().execute(f"SELECT typeof(CAST(NULL AS {spelled}))").fetchall()
    assert canonical_type(spelled) == expected == row[0]


def test_quoted_and_plain_field_names_are_the_same_struct() -> None:
    assert canonical_type('STRUCT(a INTEGER, "b c" text)') == canonical_type('struct("a" int, "b c" VARCHAR)')


STORED = [
    ("BIGINT", "BIGINT"),
    ("HUGEINT", "DECIMAL(38,0)"),
    ("UHUGEINT", "DECIMAL(38,0)"),
    ("HUGEINT[]", "DECIMAL(38,0)[]"),
    ("INTEGER[3]", "INTEGER[]"),
    ("TIMESTAMP_S", "TIMESTAMP"),
    ("TIMESTAMP_MS[2][]", "TIMESTAMP[][]"),
    ("BIT", "VARCHAR"),
    ("BIGNUM", "VARCHAR"),
    ("ENUM('a', 'b')", "VARCHAR"),
    ("MAP(VARCHAR, HUGEINT)", "MAP(VARCHAR, DECIMAL(38,0))"),
    ('STRUCT(a BIT, "b ""c" ENUM(\'x\'))', 'STRUCT(a VARCHAR, "b ""c" VARCHAR)'),
    ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE"),
    ("TIMESTAMP_NS", "TIMESTAMP_NS"),
    ("TIME_NS", "TIME_NS"),
    ("INTERVAL", "INTERVAL"),
    ("UUID", "UUID"),
    ("JSON", "JSON"),
    ("VARIANT", "VARIANT"),
    ("DECIMAL(10,2)", "DECIMAL(10,2)"),
    ("STRUCT(a INTEGER, b VARCHAR[])", "STRUCT(a INTEGER, b VARCHAR[])"),
]


@pytest.mark.parametrize(("native", "stored"), STORED)
def test_a_stored_type_comes_back_from_parquet_as_it_was(tmp_path: Path, native: str, stored: str) -> None:
    assert stored_type(native) == stored
    assert stored_type(stored) == stored
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE t AS SELECT CAST(CAST(NULL AS {native}) AS {stored}) AS x")
    connection.execute(f"COPY t TO '{tmp_path / 'x.parquet'}'")
    described = connection.execute(f"DESCRIBE FROM '{tmp_path / 'x.parquet'}'").fetchall()
    assert described[0][1] == stored


@pytest.mark.parametrize(
    "lossy",
    ["TIME WITH TIME ZONE", "UNION(i INTEGER)", "TIMETZ[]", "VARIANT[]", "GEOMETRY", "STRUCT(INTEGER, INTEGER)"],
)
def test_what_parquet_would_change_is_not_stored(lossy: str) -> None:
    assert stored_type(lossy) is None


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("HUGEINT", "number"),
        ("DECIMAL(4,1)", "number"),
        ("JSON", "text"),
        ("BOOLEAN", "boolean"),
        ("TIMESTAMP WITH TIME ZONE", "temporal"),
        ("INTERVAL", "interval"),
        ("BLOB", "blob"),
        ("UUID", "uuid"),
        ("INTEGER[]", "nested"),
        ("MAP(INTEGER, INTEGER)", "nested"),
        ("GEOMETRY", "other"),
        ("no type (", "other"),
    ],
)
def test_every_type_has_a_family(text: str, family: str) -> None:
    assert type_family(text) == family


def test_the_types_inside_a_type_are_all_found() -> None:
    assert heads("STRUCT(a INTERVAL[], b MAP(DATE, DOUBLE))") == {"STRUCT", "[]", "INTERVAL", "MAP", "DATE", "DOUBLE"}
