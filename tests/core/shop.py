"""A small adversarial shop for tests of the compiler: NULLs, duplicates, ties and an empty table."""

import duckdb

from relspec.core.inference import Inference, infer
from relspec.core.schema import Schema, schema_of
from relspec.core.work import ViewQuery

TABLES = """
create table orders (
    id INTEGER, customer INTEGER, amount DOUBLE, day DATE, status VARCHAR, n TINYINT, qty BIGINT,
    price DECIMAL(9,2), tags INTEGER[], info STRUCT(a INTEGER, "Name" VARCHAR), doc JSON
);
create table customers (id INTEGER, name VARCHAR, region VARCHAR);
create table returns (id INTEGER, order_id INTEGER, reason VARCHAR);
"""

ROWS = """
insert into orders values
    (1, 10, 1.5, '2024-01-01', 'new', 1, 5, 9.50, [1, 2], {'a': 1, 'Name': 'x'}, '{"A": 1, "a": 2}'),
    (1, 10, 1.5, '2024-01-01', 'new', 1, 5, 9.50, [1, 2], {'a': 1, 'Name': 'x'}, '{"A": 1, "a": 2}'),
    (2, 10, null, '2024-01-02', 'paid', 2, 7, 1.25, [], {'a': null, 'Name': 'y'}, '{"A": 3}'),
    (3, 20, 7.25, null, null, null, null, null, null, null, null),
    (4, null, -2.0, '2024-02-01', 'PAID', 126, -3, 0.00, [3], {'a': 4, 'Name': null}, '{"a": 4}'),
    (null, 30, 100.0, '2024-02-01', 'paid', -1, 100, 100.00, [1], {'a': 5, 'Name': 'z'}, '{}'),
    (6, 20, 0.0, '2023-12-31', 'new', 0, 0, 3.33, [7, null], {'a': 6, 'Name': 'w'}, '{"A": 6, "a": 6}'),
    (7, 99, 2.0, '2024-01-02', '', 3, 2, 2.00, [2, 2], {'a': 7, 'Name': ''}, '{"A": null}');
insert into customers values (10, 'Ada', 'north'), (10, 'Ada', 'south'), (20, 'Bob', null), (30, null, 'north'),
    (null, 'Nil', 'west'), (40, 'Eve', 'north');
"""

NAMES = ("customers", "orders", "returns")


def shop() -> duckdb.DuckDBPyConnection:
    """Open a database with the three tables."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute(TABLES + ROWS)
    return connection


def schema(connection: duckdb.DuckDBPyConnection, query: str) -> Schema:
    """Ask the binder for the output schema of a query; names may repeat, so no dictionary in between."""
    relation = connection.sql(query)
    columns = [(name, str(type_)) for name, type_ in zip(relation.columns, relation.types, strict=True)]
    named = schema_of(dict(columns))
    return named if len(named.columns) == len(columns) else _with_repeats(columns)


def _with_repeats(columns: list[tuple[str, str]]) -> Schema:
    return Schema(tuple(schema_of({name: type_}).columns[0] for name, type_ in columns))


def analysed(connection: duckdb.DuckDBPyConnection, text: str, views: dict[str, ViewQuery] | None = None) -> Inference:
    """Infer `text` over the shop; the binder sees views as views."""
    schemas = {name: schema(connection, f"from main.{name}") for name in NAMES}
    for view in (views or {}).values():
        connection.execute(f'create or replace temp view "{view.dataset}" as {view.sql}')
    inference = infer(text, schemas, views or {}, schema(connection, text.strip().rstrip(";")))
    assert isinstance(inference, Inference), inference
    return inference
