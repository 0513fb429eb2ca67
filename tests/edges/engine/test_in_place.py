"""Inputs in the place of their names give, bit for bit, what views of them give, or are left to views."""

import duckdb
import pytest
from msgspec.structs import replace

from relspec.core.dataset import Dataset
from relspec.core.types import stored_type
from relspec.core.work import Executed
from relspec.edges.engine.execute import execute
from relspec.edges.engine.in_place import AFTER, in_place
from relspec.edges.engine.sql import identifier

#: Queries as compiling leaves them: datasets spelled out, everything else as it was written.
PLACED = {
    "a name of its own": 'SELECT a.id, a.k FROM "main"."orders" AS a',
    "without AS": 'SELECT a.id, a.k FROM "main"."orders" a WHERE a.k > 1',
    "quoted": 'SELECT "a b".id FROM "main"."orders" AS "a b"',
    "no name": 'SELECT orders.id, "orders".k FROM "main"."orders"',
    "the end of a text": 'SELECT id FROM "main"."orders"',
    "the end of a subquery": 'SELECT id FROM (SELECT id, k FROM "main"."orders") s ORDER BY id DESC',
    "two": 'SELECT a.id, b.name FROM "main"."orders" AS a JOIN "main"."names" AS b ON a.k = b.k',
    "two without names": 'SELECT orders.id, name FROM "main"."orders" LEFT JOIN "main"."names" USING (k)',
    "one twice": 'SELECT a.id, b.id AS other FROM "main"."orders" AS a JOIN "main"."orders" AS b ON a.id = b.k',
    "an outer join that is turned": 'SELECT id, name FROM "main"."names" n RIGHT JOIN "main"."orders" o USING (k)',
    "a semi join": 'SELECT id FROM "main"."orders" SEMI JOIN "main"."names" USING (k)',
    "an asof join": 'SELECT o.id, n.name FROM "main"."orders" AS o ASOF JOIN "main"."names" AS n ON o.id >= n.k',
    "a positional join": 'SELECT id, name FROM "main"."orders" POSITIONAL JOIN "main"."names"',
    "united": 'SELECT id FROM "main"."orders" UNION ALL SELECT k AS id FROM "main"."names"',
    "a CTE of the same name": 'WITH orders AS (SELECT 1 AS k) SELECT o.id FROM orders JOIN "main"."orders" o USING (k)',
    "some rows": 'SELECT orders.id FROM "main"."orders" FETCH FIRST 2 ROWS ONLY',
    "a CTE with a table": 'WITH a AS MATERIALIZED (SELECT id FROM "main"."orders") SELECT id FROM a UNION ALL (FROM a)',
    "columns with new names": 'SELECT x, y FROM "main"."orders" AS o(x, y)',
    "FROM first": 'FROM "main"."orders" SELECT id',
    "FROM alone": 'FROM "main"."orders"',
    "a lateral": 'SELECT o.id, l.n FROM "main"."orders" AS o, LATERAL (SELECT count(*) AS n FROM "main"."names" AS m '
    "WHERE m.k = o.k) l",
    "ordered groups": 'SELECT k, list(id) AS ids FROM "main"."orders" GROUP BY k',
    "a window": 'SELECT id, sum(id) OVER w AS s FROM "main"."orders" WINDOW w AS (PARTITION BY k ORDER BY id)',
    "a text with the name in it": """SELECT id, '"main"."orders"' AS said FROM "main"."orders" /* "main"."nobody" */""",
    "a name to be quoted": 'SELECT * FROM "main"."x""; DROP" AS x',
    "chance": 'SELECT id, random() AS r FROM "main"."orders"',
    "lines": 'SELECT id\nFROM -- here\n  "main"."orders" -- of all\nWHERE k = 1',
}
#: Where it is not clear that a name is a table, or what it is called afterwards.
LEFT = {
    "an expression, which names its column": 'SELECT s AS p FROM (SELECT (SELECT max(k) FROM "main"."names")) s',
    "a test, which names its column": 'SELECT o AS p FROM (SELECT EXISTS (FROM "main"."names") FROM "main"."orders") o',
    "what is compared with all": 'SELECT 7 > ALL (SELECT k FROM "main"."names") FROM "main"."orders"',
    "a table in parentheses": 'SELECT id FROM ("main"."orders" AS o JOIN "main"."names" AS n USING (k))',
    "an array": 'SELECT array(SELECT k FROM "main"."names") FROM "main"."orders"',
    "a column that is compared": 'SELECT 1 IS DISTINCT FROM "main"."names" AS b FROM (SELECT 1 AS names) AS "main"',
    "a query that is compared": 'SELECT 1 IS DISTINCT FROM (FROM "main"."names") AS b FROM "main"."orders"',
    "a part of a date": 'SELECT extract(year FROM "main"."names") AS y FROM "main"."orders" AS "main"',
    "a CTE of the same name": 'WITH orders AS (SELECT 1 AS k) SELECT k FROM "main"."orders" JOIN orders USING (k)',
    "a column with its database": 'SELECT memory.orders.id FROM "main"."orders"',
    "correlated": 'SELECT id, (SELECT min(name) FROM "main"."names" n WHERE n.k = o.k) AS m FROM "main"."orders" o',
    "a row": 'SELECT orders AS pair FROM "main"."orders"',
    "a star": 'SELECT * EXCLUDE (k) FROM "main"."orders" WHERE k IN (SELECT k FROM "main"."names")',
    "a column with its schema": 'SELECT main.orders.id FROM "main"."orders"',
    "the same, quoted": 'SELECT "main"."orders".id FROM "main"."orders"',
    "a star with its schema": 'SELECT main.orders.* FROM "main"."orders"',
    "a table that is called so": 'SELECT main.id FROM "main"."orders" AS main',
    "a comma": 'SELECT a.id FROM "main"."orders" AS a, "main"."names" AS b WHERE a.k = b.k',
    "a sample": 'SELECT id FROM "main"."orders" TABLESAMPLE reservoir(2 ROWS)',
    "a pivot": 'PIVOT "main"."orders" ON k IN (0, 1) USING sum(id)',
    "a pivot behind": 'FROM "main"."orders" PIVOT (sum(id) FOR k IN (0, 1))',
    "a summary": 'SUMMARIZE "main"."orders"',
    "its own text": 'SELECT current_query() AS q, id FROM "main"."orders"',
    "dollars": 'SELECT $$ "main"."orders" $$ AS said FROM "main"."orders"',
    "another name": 'SELECT id FROM "main"."orders" JOIN "main"."nobody" USING (id)',
    "a name that is not spelled out": "SELECT id FROM orders",
    "a name that is half spelled out": "SELECT id FROM main.orders",
    "a name that is spelled out once": 'SELECT o.id FROM "main"."orders" AS o JOIN main.orders AS p USING (id)',
}


@pytest.fixture
def data(place):
    return (
        place.dataset("orders", "SELECT i AS id, i % 3 AS k FROM range(4000) r(i)", "SELECT 7 AS k, 9 AS id"),
        place.dataset("names", "SELECT i AS k, 'n' || i AS name FROM range(3) r(i)"),
        place.dataset('x"; DROP', "SELECT 1 AS one"),
    )


def read_by(sql: str, data) -> tuple[Dataset, ...]:
    """The datasets that a query names."""
    return tuple(dataset for dataset in data if dataset.name in sql or identifier(dataset.name) in sql)


def columns_of(place, sql: str, data) -> dict[str, str]:
    """The columns of a query, as plain DuckDB says, with the types in which they are stored."""
    connection = place.connection.cursor()
    connection.execute("BEGIN")
    for dataset in data:
        parts = [part.path for part in dataset.parts]
        connection.execute(f"CREATE VIEW main.{identifier(dataset.name)} AS FROM read_parquet({parts})")
    found = connection.execute(f"DESCRIBE {sql}").fetchall()
    connection.execute("ROLLBACK")
    return {row[0]: stored_type(row[1]) or row[1] for row in found}


@pytest.mark.parametrize("sql", PLACED.values(), ids=list(PLACED))
def test_both_give_the_same_object(place, data, sql: str) -> None:
    request = place.ask(sql, columns_of(place, sql, data), *read_by(sql, data))
    used: list[str] = []

    def noted(*arguments):
        used.append(in_place(*arguments))
        return used[0]

    viewed = execute(place.connection, request, {})
    assert isinstance(viewed, Executed)
    assert execute(place.connection, request, {}, noted) == viewed
    # Alone as well: nothing else is there to be asked.
    assert execute(place.connection, replace(request, sql=used[0], inputs=()), {}) == viewed


@pytest.mark.parametrize("sql", LEFT.values(), ids=list(LEFT))
def test_what_is_not_clear_is_left_to_views(data, sql: str) -> None:
    assert in_place(sql, read_by(sql, data), lambda dataset: "SELECT 1") is None


@pytest.mark.parametrize("text", ["SELECT nobody", "SELECT 1 AS id FROM", "SELECT 1 AS other", 'FROM "main"."orders"'])
def test_what_is_not_bound_in_place_is_asked_with_views(place, data, text: str) -> None:
    sql = 'SELECT id FROM "main"."orders"'
    request = place.ask(sql, {"id": "BIGINT"}, *read_by(sql, data))
    expected = execute(place.connection, request, {})
    assert isinstance(expected, Executed)
    assert execute(place.connection, request, {}, lambda *_: text) == expected


def test_no_word_that_ends_a_table_can_be_a_name_for_it(place) -> None:
    """And every word that may stand behind a table without a name is known to, or leaves the query to views."""
    follow = set()
    for (word,) in place.connection.execute("SELECT keyword_name FROM duckdb_keywords()").fetchall():
        try:
            place.connection.extract_statements(f"SELECT t.a FROM t {word}")
            assert word not in AFTER, word
        except duckdb.Error as error:
            if "end of input" in str(error):
                follow.add(word)
    assert follow - AFTER == {"as", "at", "for", "pivot", "tablesample", "unpivot"}


def test_an_empty_input_is_left_to_a_table(data) -> None:
    sql = 'SELECT id FROM "main"."orders"'
    (orders,) = read_by(sql, data)
    assert in_place(sql, (orders,), lambda dataset: "SELECT 1") is not None
    assert in_place(sql, (replace(orders, parts=()),), lambda dataset: "SELECT 1") is None
