"""Small adversarial contents for the shop: NULLs, duplicates, ties, matches and misses, infinities, and nothing at all.

Doubles are halves of small integers, so that every sum of them is exact and no order of rows can show in one.
"""

import random
from collections.abc import Callable, Iterable, Sequence

import duckdb
from tests.core.shop import ROWS, TABLES

_DAYS = ("date '2024-01-01'", "date '2024-01-02'", "date '2024-02-01'", "null")
_STATUS = ("'new'", "'paid'", "'PAID'", "''", "null")
_REGIONS = ("'north'", "'south'", "'west'", "null")
_DOCS = ("""'{"A": 1, "a": 2}'""", "'{}'", "'[1]'", "null")


def _insert(table: str, rows: Iterable[str]) -> str:
    listed = ", ".join(f"({row})" for row in rows)
    return f"insert into {table} values {listed};" if listed else ""


def _order(pick: random.Random, small: Callable[[], str]) -> str:
    tags = pick.choice(("null", "[]", f"[{small()}, {small()}]", f"[{small()}]"))
    info = f"{{'a': {small()}, 'Name': {pick.choice(_STATUS)}}}"
    amount = pick.choice(("null", "0.0", "0.5", "1.0", "-1.5", "2.0", "2.0", "3.0", "50.0", "'inf'"))
    values = (small(), pick.choice(("10", "20", "30", "null")), amount, pick.choice(_DAYS), pick.choice(_STATUS))
    sizes = (pick.choice(("null", "1", "2", "126")), small(), pick.choice(("null", "1.25", "2.00", "100.00")))
    return ", ".join((*values, *sizes, tags, pick.choice((info, "null")), pick.choice(_DOCS)))


_FEW = ("null", "1", "2", "2", "3", "7", "10")
_DENSE = ("null", *map(str, range(-1, 11)), "20", "40")


def _random_rows(seed: int, n_orders: int, n_others: int, numbers: Sequence[str] = _FEW) -> str:
    pick = random.Random(seed)

    def small() -> str:
        return pick.choice(numbers)

    orders = [_order(pick, small) for _ in range(n_orders)]
    orders += orders[: n_orders // 3]
    names = (*_STATUS, "'Bob'")
    customers = [
        f"{pick.choice((*numbers, '10', '20', '30'))}, {pick.choice(names)}, {pick.choice(_REGIONS)}"
        for _ in range(n_others)
    ]
    returns = [f"{small()}, {small()}, {pick.choice(_STATUS)}" for _ in range(n_others)]
    return _insert("orders", orders) + _insert("customers", customers) + _insert("returns", returns)


_NULLS = (
    _insert("orders", [", ".join(["null"] * 11)] * 2)
    + _insert("customers", ["null, null, null"] * 2)
    + _insert("returns", ["null, null, null"])
)

#: What the three tables hold, by name of the data set.
DATA_SETS = {
    "shop": ROWS,
    "empty": "",
    "nulls": _NULLS,
    "single": _random_rows(7, 1, 1),
    "few": _random_rows(1, 6, 4),
    "many": _random_rows(2, 24, 8),
    "dense": _random_rows(4, 60, 30, _DENSE),
    "orders only": _random_rows(3, 9, 0),
}


def opened(rows: str) -> duckdb.DuckDBPyConnection:
    """Open a database with the shop's tables and these rows."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(TABLES + rows)
    return connection
