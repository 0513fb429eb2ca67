"""A query over Arrow tables gives what an engine gives: every type that is stored survives the way through Arrow.

Breaks that were tried and caught: giving columns as Arrow has them, NULL in required columns, columns that are not
required as they are, and another time zone.
"""

import duckdb
import pyarrow as pa
import pytest

from relspec.core.schema import Column, Schema, schema_of
from relspec.core.types import stored_type
from relspec.edges.engine.bags import bags_of
from relspec.edges.engine.bare import Given, Question, Setting, execute_bare
from relspec.edges.engine.sql import selection

SETTING = Setting(256, "UTC", "test")
VALUES = {
    "BIGINT": ["1", "-9223372036854775808"],
    "UBIGINT": ["18446744073709551615"],
    "DECIMAL(38,2)": ["1.25"],
    "FLOAT": ["'nan'", "'-0.0'"],
    "DOUBLE": ["'-0.0'", "'inf'"],
    "VARCHAR": ["''", "'é'"],
    "JSON": ["'{\"a\": [1, null]}'"],
    "BOOLEAN": ["true"],
    "DATE": ["'infinity'", "'0044-03-15 (BC)'"],
    "TIME": ["'24:00:00'"],
    "TIME_NS": ["'12:00:00.123456789'"],
    "TIMESTAMP": ["'infinity'", "'2020-01-01 00:00:00.123456'"],
    "TIMESTAMP_NS": ["'2020-01-01 00:00:00.123456789'"],
    "TIMESTAMP WITH TIME ZONE": ["'-infinity'", "'2020-01-01 00:00:00+05'"],
    "INTERVAL": ["'1 month 3 days 00:00:01.5'"],
    "BLOB": ["'\\x00ab'"],
    "UUID": ["'00000000-0000-0000-0000-0000000000ff'"],
    "INTEGER[]": ["[1, null]", "[]"],
    'STRUCT(a UUID, "b c" VARCHAR)': ["{'a': '00000000-0000-0000-0000-0000000000ff', 'b c': 'x'}"],
    "MAP(VARCHAR, UUID)": ["map {'a': '00000000-0000-0000-0000-0000000000ff'}"],
    "JSON[]": ["['1']"],
}


def given(connection: duckdb.DuckDBPyConnection, schema: Schema, required: set[str] | None = None) -> Given:
    """What a flow would hand over of the table `made`."""
    table = connection.sql(selection(schema.columns, "made")).to_arrow_table()
    names = {c.name.lower() for c in schema.columns} if required is None else required
    return Given("made", table, schema, frozenset(names))


@pytest.mark.parametrize("type_", VALUES)
def test_a_value_survives_arrow(type_: str) -> None:
    assert stored_type(type_) == type_
    column = Column("x", type_)
    rows = ", ".join(f"(CAST({value} AS {type_}))" for value in [*VALUES[type_], "NULL"])
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = 'UTC'; CREATE TABLE made AS SELECT * FROM (VALUES {rows}) t(x)")
        question = Question(
            'SELECT x, typeof(x) AS t FROM "main"."made"', schema_of({"x": type_, "t": "VARCHAR"}), (), None
        )
        found = execute_bare(SETTING, question, [given(connection, Schema((column,)))], {})
        connection.register("found", found)
        connection.execute(f"CREATE TABLE back AS {selection([column], 'found')}")
        assert bags_of(connection, "back", [[column]]) == bags_of(connection, "made", [[column]])
        assert set(found["t"].to_pylist()) == {type_}


def test_columns_that_are_not_required_are_there_and_null() -> None:
    schema = schema_of({"a": "BIGINT", "Key": "UUID", "b": "BIGINT"})
    gives = schema_of({"a": "BIGINT", "n": "BIGINT", "k": "VARCHAR"})
    sql = 'SELECT t.a, count(t.b) AS n, max(typeof(t."key")) AS k FROM "main"."made" AS t(a, "key", b) GROUP BY ALL'
    with duckdb.connect() as connection:
        connection.execute('CREATE TABLE made AS SELECT 1 AS a, uuid() AS "Key", 2 AS b')
        found = execute_bare(SETTING, Question(sql, gives, (), None), [given(connection, schema, {"a"})], {})
    assert found.to_pylist() == [{"a": 1, "n": 0, "k": "UUID"}]


def test_where_nothing_is_required_the_rows_count() -> None:
    table = pa.table({"whatever": [1, 2, 3]})
    question = Question('SELECT count(*) AS n FROM "main"."made"', schema_of({"n": "BIGINT"}), (), None)
    found = execute_bare(SETTING, question, [Given("made", table, schema_of({"a": "UUID"}), frozenset())], {})
    assert found.to_pylist() == [{"n": 3}]


def test_a_query_runs_in_the_time_zone_of_the_project() -> None:
    question = Question(
        "SELECT TIMESTAMP '2020-01-01'::TIMESTAMPTZ::VARCHAR AS x", schema_of({"x": "VARCHAR"}), (), None
    )
    found = execute_bare(Setting(256, "Asia/Kolkata", "test"), question, [], {})
    assert found.to_pylist() == [{"x": "2020-01-01 00:00:00+05:30"}]


def test_an_error_is_for_people() -> None:
    question = Question("SELECT 'x'::INTEGER AS x", schema_of({"x": "INTEGER"}), (), None)
    with pytest.raises(duckdb.ConversionException, match=r"^Conversion Error: Could not convert"):
        execute_bare(SETTING, question, [], {})
