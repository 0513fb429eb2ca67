"""Which table names in a text are datasets, by DuckDB's rules of scope, and what a task's text may not be.

The rule of recursive CTEs was caught broken by letting a CTE see itself in its left branch.
"""

import pytest
from tests.core.shop import shop

from relspec.core.problem import Code
from relspec.core.query import QueryTrouble, Readings, references
from relspec.core.work import Named

READS = {
    "table": ("select * from orders", ["orders"]),
    "from first": ("from orders", ["orders"]),
    "schema": ("from main.orders o", ["orders"]),
    "catalog": ("from memory.main.orders", ["orders"]),
    "join and comma": ("select 1 from orders join customers using (id), returns", ["orders", "customers", "returns"]),
    "case": ("from Orders", ["Orders"]),
    "named once": ("from orders a, ORDERS b", ["orders"]),
    "string": ("select * from 'orders'", ["orders"]),
    "subqueries": (
        "select (select max(id) from customers) from (select * from orders) x where exists (from returns)",
        ["customers", "orders", "returns"],
    ),
    "in": ("select 1 in (select id from customers)", ["customers"]),
    "union": ("from orders select id union all select id from customers", ["orders", "customers"]),
    "pivot": ("pivot orders on status using sum(qty)", ["orders"]),
    "summarize": ("summarize customers", ["customers"]),
    "alias is no table": ("select orders.id from customers as orders", ["customers"]),
    "generators": ("from range(3), unnest([1, 2]) u(v), (values (1)) w(x), generate_series(1, 2)", []),
    "no table": ("select 1", []),
    "CTE": ("with c as (select * from orders) select * from c", ["orders"]),
    "CTE of its table's name": ("with orders as (select * from orders) select * from orders", ["orders"]),
    "CTE in other case": ("with Orders as (select 1 as id) from orders", []),
    "main goes past a CTE": ("with orders as (select 1 as id) select * from main.orders", ["orders"]),
    "later CTE is not seen": (
        "with a as (select id from returns), returns as (select 5 as id) select * from a, returns",
        ["returns"],
    ),
    "CTE in a nested query": (
        "select * from (with orders as (select 1 as id) select * from orders) x, orders y",
        ["orders"],
    ),
    "inner CTE hides outer": (
        "with a as (select * from orders) select * from (with a as (select 1 as id) from a) x, a",
        ["orders"],
    ),
    "outer CTE seen inside": (
        "with a as (select 1 as id) select (select max(id) from a) m from customers",
        ["customers"],
    ),
    "CTE over both branches": ("with orders as (select 1 as id) from orders union all from orders", []),
    "CTE of one branch": ("select id from orders union all (with orders as (select 1 as id) from orders)", ["orders"]),
    "recursion": (
        "with recursive r as (select 1 as n union all select n + 1 from r where n < 3) from r",
        [],
    ),
    "left branch of a recursion reads the table": (
        "with recursive customers as (select id from customers union all select 1 from customers) from customers",
        ["customers"],
    ),
    "recursive without union reads the table": (
        "with recursive customers as (select id from customers) from customers",
        ["customers"],
    ),
    "recursive intersect reads the table": (
        "with recursive customers as (select id from customers intersect select id from customers) from customers",
        ["customers"],
    ),
}


@pytest.mark.parametrize(("text", "names"), READS.values(), ids=READS.keys())
def test_only_datasets_are_references(text: str, names: list[str]) -> None:
    found = references(text)
    assert not isinstance(found, QueryTrouble)
    assert [named.name for named in found] == names


@pytest.mark.parametrize(("text", "names"), READS.values(), ids=READS.keys())
def test_the_engine_needs_just_these_tables(text: str, names: list[str]) -> None:
    """With only the referenced tables the text binds; without any one of them it does not."""
    wanted = {name.lower() for name in names}
    connection = shop()
    for other in {"orders", "customers", "returns"} - wanted:
        connection.execute(f"drop table {other}")
    connection.execute(text)
    for name in wanted:
        connection.execute(f"alter table {name} rename to hidden")
        with pytest.raises(Exception, match=f"(?i){name}"):
            connection.execute(text)
        connection.execute(f"alter table hidden rename to {name}")


def test_the_place_of_a_reference_is_its_first_mention() -> None:
    text = "-- no orders here\nselect *\nfrom customers c\n  join orders on true, customers"
    assert references(text) == (Named("customers", 3, 6), Named("orders", 4, 8))


def test_places_count_characters_not_bytes() -> None:
    assert references("select 'größe 😀' as x, * from orders") == (Named("orders", 1, 31),)


@pytest.mark.parametrize("text", ["select 1 from orders;", "/* a */ from orders -- b", "from orders;\n-- c\n;\n"])
def test_comments_and_a_last_semicolon_are_fine(text: str) -> None:
    found = references(text)
    assert not isinstance(found, QueryTrouble)
    assert [named.name for named in found] == ["orders"]


TROUBLES = {
    "empty": ("", Code.SYNTAX, None, None, "no query"),
    "comment only": ("-- nothing\n;", Code.SYNTAX, None, None, "no query"),
    "two statements": ("select 1;\nselect 2", Code.UNSUPPORTED_SQL, 2, 1, "2 statements"),
    "ddl": ("create table x as select 1", Code.UNSUPPORTED_SQL, 1, 1, "CREATE"),
    "insert": (" insert into x select 1", Code.UNSUPPORTED_SQL, 1, 2, "INSERT"),
    "insert behind with": ("with a as (select 1) insert into x from a", Code.UNSUPPORTED_SQL, 1, 1, "INSERT"),
    "select into": ("select 1 as x into y", Code.UNSUPPORTED_SQL, 1, 1, "INTO"),
    "copy": ("copy orders to 'x.csv'", Code.UNSUPPORTED_SQL, 1, 1, "COPY"),
    "attach": ("attach 'x.db'", Code.UNSUPPORTED_SQL, 1, 1, "ATTACH"),
    "describe": ("describe orders", Code.UNSUPPORTED_SQL, 1, 1, "DESCRIBE"),
    "table": ("table orders", Code.UNSUPPORTED_SQL, 1, 1, "TABLE"),
    "not sql": ("selec id from orders", Code.SYNTAX, 1, 1, "selec"),
    "syntax": ("select id\nfrom orders where and", Code.SYNTAX, 2, 19, "and"),
    "unclosed string": ("select 'a", Code.SYNTAX, None, None, "cannot be read"),
    "unclosed parenthesis": ("select (1", Code.SYNTAX, 1, 9, "syntax"),
    "file": ("select *\nfrom 'data/x.parquet'", Code.UNSUPPORTED_SQL, 2, 6, "data/x.parquet"),
    "glob": ("from 'x*.csv'", Code.UNSUPPORTED_SQL, 1, 6, "x*.csv"),
    "read_csv": ("select * from read_csv('a.csv')", Code.UNSUPPORTED_SQL, 1, 15, "read_csv"),
    "read_parquet": ("from read_parquet(['a.pq'])", Code.UNSUPPORTED_SQL, 1, 6, "read_parquet"),
    "read_json": ("from read_json_auto('a.json')", Code.UNSUPPORTED_SQL, 1, 6, "read_json"),
    "read_text": ("from read_text('a.txt')", Code.UNSUPPORTED_SQL, 1, 6, "read_text"),
    "list of files": ("from glob('*')", Code.UNSUPPORTED_SQL, 1, 6, "glob"),
    "query in a string": ("from query('from orders')", Code.UNSUPPORTED_SQL, 1, 6, "query"),
    "table in a string": ("from query_table('orders')", Code.UNSUPPORTED_SQL, 1, 6, "query_table"),
    "catalog function": ("from duckdb_tables()", Code.UNSUPPORTED_SQL, 1, 6, "duckdb_tables"),
    "lateral file": ("from orders, lateral read_text('a')", Code.UNSUPPORTED_SQL, 1, 22, "read_text"),
    "other schema": ("select 1\n from  other.orders", Code.UNSUPPORTED_SQL, 2, 8, "other.orders"),
    "other catalog": ("from pg.main.orders", Code.UNSUPPORTED_SQL, 1, 6, "pg.main.orders"),
    "information schema": ("from information_schema.tables", Code.UNSUPPORTED_SQL, 1, 6, "another schema"),
}


@pytest.mark.parametrize(("text", "code", "line", "column", "says"), TROUBLES.values(), ids=TROUBLES.keys())
def test_what_is_not_one_query_over_datasets_is_refused_with_its_place(
    text: str, code: Code, line: int | None, column: int | None, says: str
) -> None:
    found = references(text)
    assert isinstance(found, QueryTrouble)
    assert (found.code, found.line, found.column) == (code, line, column)
    assert says in found.message


def test_a_file_is_refused_with_a_hint_to_name_a_source() -> None:
    found = references("from read_csv('a.csv')")
    assert isinstance(found, QueryTrouble)
    assert found.hint is not None
    assert "source" in found.hint


def test_deep_nesting_is_trouble_or_fine_but_never_a_crash() -> None:
    for depth in (50, 5000):
        found = references("select " + "(" * depth + "1" + ")" * depth)
        assert found == () or isinstance(found, QueryTrouble)


def test_a_query_that_was_taken_is_not_given_again() -> None:
    """Caught: a tree that its owner has changed would be read by the next."""
    readings = Readings()
    looked = readings.look("from orders")
    assert readings.look("from orders") is looked
    assert readings.take("from orders") is looked
    assert readings.take("from orders") is not looked
    assert references("from orders", readings.look) == (Named("orders", 1, 6),)
