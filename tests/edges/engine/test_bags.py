"""Bag digests: equal exactly when the bags are equal, by a slow reference, over values chosen to be confused.

Breaks that were planted in `edges/engine/bags.py`, and caught here: leaving out the bits of floats (also the zeros or
the NaNs alone), of nested NaNs, the negation of wide decimals, the text of the others, the MD5 of long strings or of
long texts; adding with `bit_xor`; not sorting the columns; leaving out NULLs or the salt; one hash instead of two.
"""

from collections import Counter

import duckdb
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.edges.engine.reference_bags import Row, bag_of_table
from tests.edges.engine.values import KINDS, SCALARS, or_null

from relspec.core.digest import BagDigest, combine, edge_digest
from relspec.core.schema import Column
from relspec.core.types import stored_type
from relspec.edges.engine.bags import bags_of
from relspec.edges.engine.execute import write_parquet
from relspec.edges.engine.sql import identifier, read_parquet, selection

ENGINE = "duckdb of the test"

#: For each type, literals that differ and that some part of DuckDB takes for the same.
CONFUSABLE = {
    "DOUBLE": ["'0.0'", "'-0.0'", "1.0", "'nan'", "'-nan'", "'inf'", "'-inf'", "NULL", "5e-324"],
    "FLOAT": ["'0.0'", "'-0.0'", "'nan'", "'-nan'", "NULL"],
    "INTERVAL": ["'1 month'", "'30 days'", "'720 hours'", "'1 day'", "'24 hours'", "'-1 day'", "NULL", "'0 days'"],
    "BIGINT": ["0", "1", "-1", "NULL", "2", "9223372036854775807", "4294967296", "4294967297"],
    "VARCHAR": ["''", "NULL", "'NULL'", "'a'", "'a '", "'A'", "chr(0)", "'a' || chr(0)", "'é'", "'e' || chr(769)"],
    "HUGEINT": ["1", "18446744073709551616", "NULL", "36893488147419103233", "18446744073709551618"],
    "UHUGEINT": ["1", "18446744073709551616", "NULL", "36893488147419103233", "18446744073709551618"],
    "UUID": [
        "'00000000-0000-0001-0000-000000000002'",
        "'00000000-0000-0002-0000-000000000001'",
        "'00000000-0000-0003-0000-000000000003'",
        "'00000000-0000-0004-0000-000000000004'",
        "NULL",
    ],
    "DECIMAL(38,2)": ["1", "1.01", "-1", "184467440737095516.16", "NULL"],
    "DECIMAL(38,0)": ["0", "18446744073709551617", "36893488147419103234", "18446744073709551618", "NULL"],
    "INTEGER[]": ["[]", "NULL", "[NULL]", "[NULL, NULL]", "[0]", "[1, 2]", "[2, 1]"],
    "INTEGER[][]": ["[]", "NULL", "[NULL]", "[[]]", "[[NULL]]", "[[1], [2, 3]]", "[[1, 2], [3]]", "[[], [1]]"],
    "DOUBLE[]": [
        "['0.0'::DOUBLE]",
        "['-0.0'::DOUBLE]",
        "[]",
        "NULL",
        f"['0{'1' * 11}{'1'.zfill(52)}'::BIT::DOUBLE]",
        f"['0{'1' * 11}{'10'.zfill(52)}'::BIT::DOUBLE]",
    ],
    "VARCHAR[]": ["['a', 'b']", "['a, b']", "['NULL']", "[NULL]", "['']", "[]"],
    "STRUCT(a INTEGER, b INTERVAL)": [
        "{'a': 1, 'b': INTERVAL '1 month'}",
        "{'a': 1, 'b': INTERVAL '30 days'}",
        "{'a': NULL, 'b': NULL}",
        "NULL",
    ],
    "STRUCT(a DATE)[]": ["[{'a': NULL}]", "[NULL]", "[]", "NULL", "[{'a': DATE '2020-01-01'}]"],
    "MAP(VARCHAR, INTEGER)": [
        "MAP {'a': 1}",
        "MAP {'a': NULL}",
        "MAP {}",
        "NULL",
        "MAP {'a': 1, 'b': 2}",
        "MAP {'b': 2, 'a': 1}",
    ],
    "BLOB": ["''", "'\\x00'", "'\\x00\\x00'", "NULL", "'\\x5Cx00'"],
    "BIT": ["'0'", "'00'", "'1'", "'01'", "NULL", "'000000001'"],
    "BOOLEAN": ["true", "false", "NULL"],
    "DATE": ["'2020-01-01'", "'2020-01-02'", "'infinity'", "'-infinity'", "NULL"],
    "TIME": ["'00:00:00'", "'24:00:00'", "NULL"],
    "TIMESTAMP WITH TIME ZONE": ["'2020-10-25 00:30:00+00'", "'2020-10-25 01:30:00+00'", "NULL"],
    "TIMESTAMP WITH TIME ZONE[]": ["['2020-10-25 00:30:00+00']", "['2020-10-25 01:30:00+00']", "[]", "NULL"],
    "TIMESTAMP_S": ["'2020-01-01 00:00:00'", "'2020-01-01 00:00:01'", "NULL"],
    "TIMESTAMP_MS": ["'2020-01-01 00:00:00'", "'2020-01-01 00:00:00.001'", "NULL"],
    "TIMESTAMP_NS": ["'2020-01-01 00:00:00.000000001'", "'2020-01-01 00:00:00.000000002'", "NULL"],
    "JSON": ["'1'", "'1.0'", "'null'", "NULL", "'{\"a\":1}'", "'{\"a\": 1}'"],
    "VARIANT": ["1::BIGINT", "1::INTEGER", "'1'", "1.0", "'1'::DOUBLE", "NULL", "[1]", "[]", "{'a': 1}", "true"],
    "ENUM('a', 'b', 'NULL')": ["'a'", "'b'", "'NULL'", "NULL"],
}

Rows = list[tuple[str, ...]]
Table = tuple[tuple[str, ...], Rows]


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": "1"})
    connection.execute("SET TimeZone = 'Europe/Berlin'")
    return connection


def columns_of(kinds: tuple[str, ...]) -> tuple[Column, ...]:
    return tuple(Column(f"C{at}" if at % 2 else f"c{at}", kind) for at, kind in enumerate(kinds))


def source_of(kinds: tuple[str, ...], rows: Rows) -> str:
    names = ", ".join(identifier(c.name) for c in columns_of(kinds))
    if not rows:
        return f"(SELECT * FROM (SELECT {', '.join(f'CAST(NULL AS {k})' for k in kinds)} LIMIT 0) AS v({names}))"
    return f"(SELECT * FROM (VALUES {', '.join('(' + ', '.join(row) + ')' for row in rows)}) AS v({names}))"


def bag(connection: duckdb.DuckDBPyConnection, kinds: tuple[str, ...], rows: Rows) -> BagDigest:
    count, (measured,) = bags_of(connection, source_of(kinds, rows), [columns_of(kinds)])
    assert count == len(rows) == measured.rows
    return measured


def reference(connection: duckdb.DuckDBPyConnection, kinds: tuple[str, ...], rows: Rows) -> Counter[Row]:
    table = connection.execute(f"SELECT * FROM {source_of(kinds, rows)}").to_arrow_table()
    return bag_of_table(table, [c.name for c in columns_of(kinds)])


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[str, ...], Rows]:
    """Rows over few values a column, so that they repeat; neighbouring columns often share their type and values."""
    kinds, pools = [], []
    for _ in range(draw(st.integers(1, 3))):
        if kinds and draw(st.booleans()):
            kinds.append(kinds[-1])
            pools.append(pools[-1])
            continue
        kind, literals = draw(KINDS)
        kinds.append(kind)
        pools.append(draw(st.lists(or_null(literals, kind), min_size=1, max_size=3)))
    row = st.tuples(*(st.sampled_from(pool) for pool in pools))
    return tuple(kinds), draw(st.lists(row, max_size=5))


@st.composite
def edits(draw: st.DrawFn) -> tuple[tuple[str, ...], Rows, Rows]:
    """A table, and the same one after an edit that changes it little or not at all."""
    kinds, rows = draw(tables())
    if not rows:
        return kinds, rows, draw(st.just([]) | st.just([tuple(f"CAST(NULL AS {k})" for k in kinds)]))
    one, other = draw(st.integers(0, len(rows) - 1)), draw(st.integers(0, len(rows) - 1))
    column, next_ = draw(st.integers(0, len(kinds) - 1)), draw(st.integers(0, len(kinds) - 1))
    after = [list(row) for row in rows]
    match draw(st.sampled_from(["reorder", "repair", "columns", "double", "drop", "overwrite", "null"])):
        case "reorder":
            return kinds, rows, draw(st.permutations(rows))
        case "repair":
            after[one][column], after[other][column] = after[other][column], after[one][column]
        case "columns" if kinds[column] == kinds[next_]:
            after[one][column], after[one][next_] = after[one][next_], after[one][column]
        case "double":
            after.append(after[one])
        case "drop":
            del after[one]
        case "overwrite":
            after[one] = after[other]
        case "null":
            after[one][column] = f"CAST(NULL AS {kinds[column]})"
    return kinds, rows, [tuple(row) for row in after]


@settings(max_examples=250, deadline=None)
@given(edits())
def test_digests_are_equal_exactly_when_the_bags_are(
    connection: duckdb.DuckDBPyConnection, drawn: tuple[tuple[str, ...], Rows, Rows]
) -> None:
    kinds, left, right = drawn
    same = reference(connection, kinds, left) == reference(connection, kinds, right)
    assert (bag(connection, kinds, left) == bag(connection, kinds, right)) == same


@settings(max_examples=60, deadline=None)
@given(tables(), st.integers(0, 5))
def test_bags_of_parts_add_up_to_the_bag_of_the_whole(
    connection: duckdb.DuckDBPyConnection, drawn: Table, cut: int
) -> None:
    kinds, rows = drawn
    parts = [bag(connection, kinds, rows[:cut]), bag(connection, kinds, rows[cut:]), bag(connection, kinds, [])]
    assert combine(parts) == bag(connection, kinds, rows)


def _takes_for_one(connection: duckdb.DuckDBPyConnection, result: str, columns: tuple[Column, ...]) -> bool:
    """Whether Parquet's dictionary would take a day for 24 hours, since they compare equal: executing refuses that."""
    counts = [f"count(DISTINCT {n}) <> count(DISTINCT {n}::VARCHAR)" for n in _intervals(columns)]
    return any(connection.execute(f"SELECT {', '.join(counts)} FROM ({result})").fetchall()[0]) if counts else False


def _intervals(columns: tuple[Column, ...]) -> list[str]:
    return [identifier(c.name) for c in columns if "INTERVAL" in c.type]


@settings(max_examples=100, deadline=None)
@given(tables())
def test_a_table_has_the_same_bags_in_memory_and_in_parquet(
    connection: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory, drawn: Table
) -> None:
    """The digests that come with an execution are taken of its result, those of a later measurement of its object."""
    kinds, rows = drawn
    path = str(tmp_path_factory.getbasetemp() / "written.parquet")
    columns = tuple(Column(c.name, stored_type(c.type) or c.type) for c in columns_of(kinds))
    result = selection(columns, source_of(kinds, rows))
    assume(not _takes_for_one(connection, result, columns))
    write_parquet(connection, result, path)
    sets = [columns, columns[:1], ()]
    stored = bags_of(connection, f"({selection(columns, read_parquet([path]))})", sets)
    assert stored == bags_of(connection, f"({result})", sets)


@pytest.mark.parametrize("kind", sorted(CONFUSABLE))
def test_every_confusable_value_is_told_apart(connection: duckdb.DuckDBPyConnection, kind: str) -> None:
    totals = [bag(connection, (kind,), [(f"CAST({text} AS {kind})",)]).total for text in CONFUSABLE[kind]]
    assert len(set(totals)) == len(totals)


def test_the_same_instant_in_two_zones_is_one_value(connection: duckdb.DuckDBPyConnection) -> None:
    kind = ("TIMESTAMP WITH TIME ZONE",)
    written = ["2020-10-25 00:30:00+00", "2020-10-25 02:30:00+02", "2020-10-24 19:30:00-05"]
    assert len({bag(connection, kind, [(f"'{text}'::TIMESTAMPTZ",)]).total for text in written}) == 1


@pytest.mark.parametrize(("kind", "width"), [("FLOAT", 32), ("DOUBLE", 64)])
def test_every_single_bit_of_a_float_counts(connection: duckdb.DuckDBPyConnection, kind: str, width: int) -> None:
    """Also in a zero and in a NaN, where a query can ask for the sign or for the bits."""
    exponent = 8 if width == 32 else 11
    quiet = ((1 << (exponent + 1)) - 1) << (width - exponent - 2)
    for start in (0, quiet):
        patterns = [start, *(start ^ (1 << at) for at in range(width))]
        literals = [f"CAST('{n:0{width}b}'::BIT AS {kind})" for n in patterns]
        assert len({bag(connection, (kind,), [(text,)]).total for text in literals}) == width + 1


def test_a_value_that_hashes_like_null_is_told_from_null(connection: duckdb.DuckDBPyConnection) -> None:
    """The 64-bit finaliser is a bijection, so there is one BIGINT whose hash is the constant for NULL."""
    (null,) = connection.execute("SELECT hash(NULL::BIGINT)").fetchall()[0]
    twin = _unhash(null)
    (row,) = connection.execute(f"SELECT hash({twin}::BIGINT) = {null}::UBIGINT").fetchall()
    assert row == (True,)
    assert bag(connection, ("BIGINT",), [(f"{twin}::BIGINT",)]) != bag(connection, ("BIGINT",), [("NULL::BIGINT",)])


def test_swapped_partners_are_seen_and_column_order_is_not(connection: duckdb.DuckDBPyConnection) -> None:
    a, b = Column("a", "INTEGER"), Column("B", "INTEGER")
    _, (one, turned) = bags_of(connection, "(VALUES (1, 10), (2, 20)) AS v(a, B)", [(a, b), (b, a)])
    _, (swapped,) = bags_of(connection, "(VALUES (1, 20), (2, 10)) AS v(a, B)", [(a, b)])
    _, (elsewhere,) = bags_of(connection, "(VALUES (10, 1), (20, 2)) AS v(a, B)", [(a, b)])
    assert one == turned
    assert len({one.total, swapped.total, elsewhere.total}) == 3


def test_the_empty_column_set_counts_rows_alone(connection: duckdb.DuckDBPyConnection) -> None:
    column = Column("a", "INTEGER")
    _, bags = bags_of(connection, "(VALUES (1), (2)) AS v(a)", [(), (column,), ()])
    assert bags[0] == bags[2] == BagDigest(2, "0" * 32)
    assert bags[1].total != "0" * 32


def test_an_empty_table_has_the_bag_of_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    for kind in SCALARS:
        assert bag(connection, (kind,), []) == combine([]) == BagDigest(0, "0" * 32)


def test_names_with_quotes_are_columns_like_others(connection: duckdb.DuckDBPyConnection) -> None:
    column = Column('a"b', "DOUBLE")
    _, (one,) = bags_of(connection, '(SELECT 1.0::DOUBLE AS "a""b")', [(column,)])
    assert one.rows == 1


def test_names_and_types_are_part_of_an_edge_digest_and_the_order_is_not() -> None:
    a, b, rows = Column("a", "INTEGER"), Column("b", "VARCHAR"), BagDigest(1, "1".zfill(32))
    edge = edge_digest(ENGINE, (a, b), rows)
    assert edge == edge_digest(ENGINE, (b, a), rows)
    others = [
        edge_digest(ENGINE, (Column("a", "BIGINT"), b), rows),
        edge_digest(ENGINE, (Column("c", "INTEGER"), b), rows),
        edge_digest(ENGINE, (Column("a", "VARCHAR"), Column("b", "INTEGER")), rows),
        edge_digest(ENGINE, (a,), rows),
        edge_digest(ENGINE, (), rows),
        edge_digest(ENGINE, (a, b), BagDigest(2, rows.total)),
        edge_digest(ENGINE, (a, b), BagDigest(1, "2".zfill(32))),
        edge_digest("another version", (a, b), rows),
    ]
    assert len({edge, *others}) == len(others) + 1


def _unhash(value: int) -> int:
    """Undo x ^= x >> 32; x *= M; x ^= x >> 32; x *= M; x ^= x >> 32, which is what DuckDB does to integers."""
    inverse = pow(0xD6E8FEB86659FD93, -1, 1 << 64)
    for _ in range(2):
        value ^= value >> 32
        value = value * inverse % (1 << 64)
    value ^= value >> 32
    return value - (1 << 64) if value >> 63 else value
