"""Which columns a query really reads, as DuckDB's own planner sees it: a second opinion on what inference says.

All optimisers are off but two: unused columns are dropped, and CTEs are put where they are used, since a CTE that is
kept would read all its columns. So no folding, no statistics of empty tables and no filter makes a column go away that
the result may depend on. A statement is planned, never run; this costs 0.3 ms.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from relspec.core.schema import Column
from relspec.edges.engine.sql import identifier, literal

_KEPT_OPTIMISERS = ("'unused_columns'", "'cte_inlining'")

# Prepared, it takes half of the time of two statements that hand the tree out and in (0.4 and 0.8 ms for six CTEs).
_PREPARE_INLINED = """
    PREPARE relspec_inlined AS SELECT json_deserialize_sql(replace(
        json_serialize_sql($1::VARCHAR)::VARCHAR, '"CTE_MATERIALIZE_DEFAULT"', '"CTE_MATERIALIZE_NEVER"'
    )::JSON)
    """

#: Lower-case columns by lower-case dataset.
Reads = dict[str, frozenset[str]]


def plan_plainly(connection: duckdb.DuckDBPyConnection) -> None:
    """Turn the other optimisers off for good, and have `_inlined` at hand; for one that binds and plans alone."""
    listed = f"SELECT string_agg(name, ',') FROM duckdb_optimizers() WHERE name NOT IN ({', '.join(_KEPT_OPTIMISERS)})"
    (row,) = connection.execute(listed).fetchall()
    connection.execute(f"SET disabled_optimizers = {literal(row[0])}")
    connection.execute(_PREPARE_INLINED)


def columns_read(
    connection: duckdb.DuckDBPyConnection, sql: str, tables: Mapping[str, tuple[Column, ...]]
) -> Reads | None:
    """Find the columns that `sql` reads of `tables`, which exist; `None` where the plan does not say."""
    try:
        (row,) = connection.execute(f"EXPLAIN (FORMAT json) {_inlined(connection, sql)}").fetchall()
    except duckdb.Error:
        return None
    names = {
        f"memory.main.{spelling}".lower(): name.lower() for name in tables for spelling in (name, identifier(name))
    }
    known = {name.lower(): {column.name.lower() for column in columns} for name, columns in tables.items()}
    reads: dict[str, set[str]] = {name.lower(): set() for name in tables}
    for scan in _scans(json.loads(row[1])):
        name = names.get(str(scan["Table"]).lower())
        if name is None:
            return None
        found = scan.get("Projections", [])
        for path in [found] if isinstance(found, str) else found:
            reads[name] |= _columns_of(path.lower(), known[name]) if path else set()
    if any(not columns <= known[name] for name, columns in reads.items()):
        return None
    return {name: frozenset(columns) for name, columns in reads.items()}


def _columns_of(path: str, known: set[str]) -> set[str]:
    """Find the column behind `info.a`, a field of a struct; where a dot in a name leaves a choice, all it may be."""
    return {path} if path in known else {c for c in known if path.startswith(f"{c}.")} or {path}


def _inlined(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """Ask for every CTE to be put where it is used; a text without any stays as it is."""
    if "with" not in sql.lower():
        return sql
    (row,) = connection.execute(f"EXECUTE relspec_inlined({literal(sql)})").fetchall()
    return str(row[0])


def _scans(plan: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    pending = list(plan)
    while pending:
        node = pending.pop()
        pending += node.get("children", [])
        extra = node.get("extra_info", {})
        if isinstance(extra, dict) and "Table" in extra:
            yield extra
