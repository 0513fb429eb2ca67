"""Types: what Ibis promises is spelled as DuckDB spells it, for every type that both know."""

import duckdb
import pytest

from relspec.core.types import canonical_type
from relspec.edges.loader.types import duckdb_type, ibis_type

SAME = [
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL(18,3)",
    "DECIMAL(38,0)",
    "VARCHAR",
    "BLOB",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMP_S",
    "TIMESTAMP_MS",
    "TIMESTAMP_NS",
    "INTERVAL",
    "UUID",
    "JSON",
    "INTEGER[]",
    "INTEGER[3]",
    "VARCHAR[][]",
    "TIMESTAMP WITH TIME ZONE",
    "MAP(VARCHAR, INTEGER[])",
    'STRUCT(a INTEGER, "b c" VARCHAR[])',
    'STRUCT(s STRUCT("x""y" DECIMAL(5,2)))',
]


@pytest.mark.parametrize("type_text", SAME)
def test_a_type_goes_through_ibis_and_comes_back_in_duckdbs_spelling(type_text) -> None:
    with duckdb.connect() as connection:
        described = connection.execute(f"DESCRIBE SELECT CAST(NULL AS {type_text}) AS c").fetchall()[0][1]
    spelled = duckdb_type(ibis_type(described))
    assert spelled is not None
    assert canonical_type(spelled) == canonical_type(described)
    if "STRUCT" not in type_text:
        assert spelled == described


@pytest.mark.parametrize(
    "type_text", ["UNION(i INTEGER, s VARCHAR)", "BIT", "UHUGEINT", "TIME_NS", "BIGNUM", "nonsense ("]
)
def test_a_type_that_ibis_does_not_know_is_unknown_and_nothing_else(type_text) -> None:
    assert duckdb_type(ibis_type(type_text)) is None
