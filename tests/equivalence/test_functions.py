"""Functions that the parser takes for one must be one: each of the engine's scalars and aggregates, called once.

The parser maps names of many dialects to classes of its own. Were two functions of DuckDB given one class, swapping one
for the other would leave the digest and change the result. Caught in a trial: leaving out the name of a function that
the parser does not know.
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator

import duckdb
from tests.core.shop import analysed, shop
from tests.equivalence.trial import Result, result_of

_COLUMNS = {
    "INTEGER": "id",
    "BIGINT": "qty",
    "HUGEINT": "qty::hugeint",
    "TINYINT": "n",
    "DOUBLE": "amount",
    "DECIMAL": "price",
    "VARCHAR": "status",
    "DATE": "day",
    "TIMESTAMP": "day::timestamp",
    "TIMESTAMP WITH TIME ZONE": "day::timestamptz",
    "TIME": "time '12:34:56'",
    "INTERVAL": "to_days(id)",
    "BOOLEAN": "id > 2",
    "BLOB": "status::blob",
    "BIT": "qty::bit",
    "JSON": "doc",
    "STRUCT": "info",
    "T[]": "tags",
    "ANY[]": "tags",
    "INTEGER[]": "tags",
}
_ANY = ("id", "status", "tags", "day", "amount")
_ANEW = frozenset({"uuid", "gen_random_uuid", "uuidv4", "uuidv7", "random"})


def test_functions_with_one_digest_are_one_function() -> None:
    connection = shop()
    found: dict[str, dict[str, Result]] = defaultdict(dict)
    for text in _calls(connection):
        result = result_of(connection, text)
        if isinstance(result, Result):
            found[analysed(connection, text).canonical][text] = result
    clashes = [
        sorted(group)
        for group in found.values()
        if any(r.rows != q.rows for r, q in itertools.pairwise(group.values()))
    ]
    assert clashes == []
    assert len(found) > 400


def _calls(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Give one call for each name and number of arguments."""
    rows = connection.execute(
        "select distinct function_name, parameter_types from duckdb_functions() where schema_name = 'main' "
        "and function_type in ('scalar', 'aggregate') order by all"
    ).fetchall()
    seen = set()
    for name, types in rows:
        if not re.fullmatch("[a-z_0-9]+", name) or name in _ANEW or not types:
            continue
        choices = [_ANY if t in (None, "ANY", "T") else (_COLUMNS.get(t.split("(")[0], "status"),) for t in types]
        for arguments in itertools.islice(itertools.product(*choices), 6):
            text = f"select {name}({', '.join(arguments)}) x from orders"
            if (name, len(types)) not in seen and isinstance(result_of(connection, text), Result):
                seen.add((name, len(types)))
                yield text
