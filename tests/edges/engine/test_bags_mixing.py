"""Sums of row hashes behave like random numbers on data that is anything but random.

Each family is thousands of small tables that differ by plausible edits: counters in texts, swapped partners, negated
vectors, bits set one by one. Their digests, cut to 24 bits at several places, collide as often as random numbers do,
and one changed bit changes half of the bits of a digest.

Breaks that were planted in `edges/engine/bags.py`, and caught here: adding joined hashes without hashing them again
(`swapped partners`, 200 times too many collisions), leaving out the MD5 of long strings (`counters in texts`, `negated
vectors`) or the negation of wide decimals (`swapped halves`), the same hash twice, a hash over the first column alone.
"""

from collections.abc import Sequence

import duckdb
import pytest

from relspec.core.schema import Column
from relspec.edges.engine.bags import bags_by

CUT_BITS = 24
#: Places of the cuts: the ends of both hashes. Digests of rows that occur 2^k times have k fewer bits at the low end.
PLACES = (0, 40, 64, 104)
N_TABLES = 20_000
#: Random numbers give 12 pairs in 20,000 tables and 2^24 digests; 40 and more happen once in 10^10 trials.
PAIRS_MAX = 40

#: Rows of small tables: the first column `g` numbers the tables.
FAMILIES = {
    "consecutive numbers": "SELECT i AS g, i AS a FROM range(20000) t(i)",
    "high halves": "SELECT i AS g, i::BIGINT << 32 AS a FROM range(20000) t(i)",
    "two counters": "SELECT i AS g, i // 141 AS a, i % 141 AS b FROM range(20000) t(i)",
    "equal columns": "SELECT i AS g, i AS a, i AS b FROM range(20000) t(i)",
    "running sums": "SELECT i AS g, r AS a, i - r AS b FROM range(20000) t(i), range(3) u(r)",
    "one row among many": "SELECT i AS g, if(r = 0, i, r) AS a, r AS b FROM range(20000) t(i), range(8) u(r)",
    "floats": "SELECT i AS g, i::DOUBLE AS a, (i / 8)::FLOAT AS b FROM range(20000) t(i)",
    "timestamps": "SELECT i AS g, TIMESTAMP '2020-01-01' + to_days(i::INTEGER) AS a FROM range(20000) t(i)",
    "counters in texts": (
        "SELECT i AS g, '0000000' || (i % 10) || '0000000' || (i // 10 % 10) || "
        "lpad((i // 100)::VARCHAR, 8, '0') AS a FROM range(20000) t(i)"
    ),
    "lone long texts": (
        "SELECT i AS g, 'AC-' || lpad((i // 141)::VARCHAR, 5, '0') || '/2026' || lpad((i % 141)::VARCHAR, 3, '0') AS a "
        "FROM range(20000) t(i)"
    ),
    "short texts": "SELECT i AS g, lpad(i::VARCHAR, (5 + i % 8)::INTEGER, '0') AS a FROM range(20000) t(i)",
    "documents": (
        "SELECT i AS g, ('{\"abc\": \"0000000' || (i % 10) || '0000000' || (i // 10) || '\"}')::JSON AS a "
        "FROM range(20000) t(i)"
    ),
    "lists of texts": (
        "SELECT i AS g, {'abc': '0000000' || (i % 10) || '0000000' || (i // 10)} AS a FROM range(20000) t(i)"
    ),
    "lists": "SELECT i AS g, [i // 141, i % 141] AS a FROM range(20000) t(i)",
    "lists of lists": "SELECT i AS g, [[i // 141], [i % 141, NULL]] AS a FROM range(20000) t(i)",
    "swapped halves": (
        "SELECT i AS g, ((i % 141)::HUGEINT * 18446744073709551616 + i // 141)::DECIMAL(38,0) AS a "
        "FROM range(20000) t(i)"
    ),
    "halves of identifiers": (
        "SELECT i AS g, ('00000000-0000-' || lpad((i % 141)::VARCHAR, 4, '0') || '-0000-' || "
        "lpad((i // 141)::VARCHAR, 12, '0'))::UUID AS a FROM range(20000) t(i)"
    ),
    "intervals": (
        "SELECT i AS g, to_months((i % 141)::INTEGER) + to_days((i // 141)::INTEGER) AS a FROM range(20000) t(i)"
    ),
    "nulls": "SELECT i AS g, nullif(i % 3, 0) AS a, nullif(i % 5, 0) AS b, i AS c FROM range(20000) t(i)",
}


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": "1"})


def totals(connection: duckdb.DuckDBPyConnection, query: str) -> list[int]:
    """The digest of each of the tables that `g` numbers, as a measurement gives it."""
    described = connection.execute(f"DESCRIBE {query}").fetchall()
    columns = [Column(row[0], row[1]) for row in described if row[0] != "g"]
    found = bags_by(connection, f"({query})", "g", [columns])
    return [int(bag.total, 16) for _, (bag,) in sorted(found.items())]


def pairs(found: Sequence[int], place: int) -> int:
    """How many pairs of digests are the same where they are cut."""
    counts: dict[int, int] = {}
    for total in found:
        cut = total >> place & ((1 << CUT_BITS) - 1)
        counts[cut] = counts.get(cut, 0) + 1
    return sum(n * (n - 1) // 2 for n in counts.values())


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_cut_digests_collide_as_random_numbers_do(connection: duckdb.DuckDBPyConnection, family: str) -> None:
    found = totals(connection, FAMILIES[family])
    assert len(found) == len(set(found)) == N_TABLES
    assert {place: n for place in PLACES if (n := pairs(found, place)) > PAIRS_MAX} == {}


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_two_hashes_have_nothing_in_common(connection: duckdb.DuckDBPyConnection, family: str) -> None:
    """What cancels out in one does not in the other only if half of their bits differ, as those of strangers do."""
    differing = [(total >> 64 ^ total & ((1 << 64) - 1)).bit_count() for total in totals(connection, FAMILIES[family])]
    assert 31.9 < sum(differing) / N_TABLES < 32.1


def test_swapped_partners_differ_in_every_part_of_the_digest(connection: duckdb.DuckDBPyConnection) -> None:
    """An even table holds (a, b), (c, d), the next one (a, d), (c, b): equal bits of sums betray a weak join."""
    query = """
        SELECT i AS g, i // 2 + r * 1000 AS a, i // 2 * 7 + (r + i) % 2 * 3 AS b FROM range(40000) t(i), range(2) u(r)
    """
    found = totals(connection, query)
    differences = [one ^ other for one, other in zip(found[::2], found[1::2], strict=True)]
    for place in PLACES:
        equal = sum(1 for d in differences if d >> place & 0xFFF == 0)
        assert equal < 25, f"{equal} of 20,000 swaps left twelve bits at {place} as they were; 5 would be usual"


@pytest.mark.parametrize("doubling", [1, 8, 16])
def test_many_copies_of_a_row_cost_the_low_bits_alone(connection: duckdb.DuckDBPyConnection, doubling: int) -> None:
    n_tables = min(N_TABLES, 1 << (21 - doubling))
    query = f"SELECT i AS g, i AS a FROM range({n_tables}) t(i), range({1 << doubling}) u(r)"
    found = totals(connection, query)
    assert len(set(found)) == n_tables
    assert all(total % (1 << doubling) == 0 for total in found)
    assert pairs(found, doubling) <= PAIRS_MAX
    assert pairs(found, 104) <= PAIRS_MAX


def test_a_vector_in_a_blob_is_not_its_negation(connection: duckdb.DuckDBPyConnection) -> None:
    """The sign of a double is the last bit of a block of eight bytes: two of them cancel out in DuckDB's own hash."""
    one = "'\\x00\\x00\\x00\\x00\\x00\\x00\\xF0\\x3F\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x40'::BLOB"
    other = "'\\x00\\x00\\x00\\x00\\x00\\x00\\xF0\\xBF\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xC0'::BLOB"
    assert connection.execute(f"SELECT hash({one}) = hash({other})").fetchall() == [(True,)]
    left, right = totals(connection, f"SELECT 1 AS g, {one} AS a UNION ALL SELECT 2, {other}")
    assert left != right


def test_one_bit_changes_half_of_a_digest(connection: duckdb.DuckDBPyConnection) -> None:
    """Table g has the bit g turned in one of its hundred rows; table 62 is as it was."""
    bit = "if(r = 50 AND g < 62, 1::BIGINT << g::INTEGER, 0::BIGINT)"
    rows = "range(63) t(g), range(100) u(r)"
    for query in (
        f"SELECT g, xor(r, {bit}) AS a FROM {rows}",
        f"SELECT g, r AS a, 'text' || r AS b, xor(r * 2, {bit}) AS c FROM {rows}",
        f"SELECT g, [r, xor(r, {bit})] AS a FROM {rows}",
        f"SELECT g, xor(r, {bit})::DECIMAL(38,0) AS a FROM {rows}",
    ):
        found = totals(connection, query)
        flips = [(total ^ found[62]).bit_count() for total in found[:62]]
        assert 60 < sum(flips) / 62 < 68, query
        assert min(flips) > 32, query
