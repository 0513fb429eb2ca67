"""A query over nothing but what was inferred of it: a DuckDB that holds its required tables with the required columns.

What a text names and does not need (in a view that was put in, in a CTE) is there by name alone: whoever reads a value
of it gets an error. So a query that gives its result here has read what it is said to require, and nothing else.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from relspec.core.schema import Column
from relspec.edges.engine.sql import identifier, literal, selection

#: A column of a table by the names of both, or the whole table.
Part = tuple[str, str | None]

SAME = "same"
DIFFERS = "differs"
#: What a value says that nobody may read.
FORBIDDEN = "nobody requires"
_RESULT = '"__made__"'


@dataclass(frozen=True, slots=True)
class Table:
    """A table that a query requires: where its rows are, all of its columns, and those that are required."""

    source: str
    columns: tuple[Column, ...]
    required: frozenset[str]


@dataclass(frozen=True, slots=True)
class Case:
    """One query with what was inferred of it, and where the rows are that the product made of it.

    `judged` are the tables of which it has to need every part. `schema` is that of its rows. `macros` stand for the
    Python functions that it calls: a definition by name.
    """

    name: str
    sql: str
    tables: Mapping[str, Table]
    judged: frozenset[str]
    stored: str
    schema: tuple[Column, ...]
    macros: Mapping[str, str]

    def parts(self) -> list[Part]:
        """Every table that is judged, and every required column of one."""
        tables = sorted(self.judged)
        columns = [(name, column) for name in tables for column in sorted(self.tables[name].required)]
        return [*((name, None) for name in tables), *columns]


class Bare:
    """Runs cases one after the other: only what the present one is offered is there."""

    def __init__(self, published: str) -> None:
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute(f"ATTACH {literal(published)} AS published (READ_ONLY)")
        self._connection.execute("ATTACH ':memory:' AS kept")
        self._kept: dict[str, str] = {}

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def offering(self, case: Case) -> Iterator[None]:
        """Run the block with what a case requires in place."""
        for name, definition in case.macros.items():
            self._connection.execute(f"CREATE MACRO {identifier(name)}{definition}")
        for name in case.tables:
            self._connection.execute(self._offer(case, name))
        yield
        for name in case.tables:
            self._connection.execute(f"DROP VIEW main.{identifier(name)}")
        for name in case.macros:
            self._connection.execute(f"DROP MACRO {identifier(name)}")

    def outcome(
        self, case: Case, *, gone: Part | None = None, unread: Part | None = None, more: str | None = None
    ) -> str:
        """Say whether the case that is offered gives its rows again: `same`, `differs`, or how DuckDB complains.

        Without the part `gone`; where nobody may read the column `unread`; with one more row of the table `more`.
        """
        touched = next((part[0] for part in (gone, unread) if part is not None), more)
        if touched is None:
            return self._attempt(case)
        if gone == (touched, None):
            self._connection.execute(f"DROP VIEW main.{identifier(touched)}")
        else:
            self._connection.execute(self._offer(case, touched, gone, unread, more))
        found = self._attempt(case)
        self._connection.execute(self._offer(case, touched))
        return found

    def _attempt(self, case: Case) -> str:
        stored = self._rows(case.stored)
        try:
            self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {_RESULT} AS {case.sql}")
            return self._compared(case, stored)
        except duckdb.Error as error:
            return f"{type(error).__name__}: {str(error).splitlines()[0]}"

    def _offer(
        self, case: Case, name: str, gone: Part | None = None, unread: Part | None = None, more: str | None = None
    ) -> str:
        """Create a table as a view: required columns as they are, the others by name alone."""
        table, rows = case.tables[name], self._rows(case.tables[name].source)
        there = [column for column in table.columns if (name, column.name) != gone]
        listed = [
            identifier(c.name) if c.name in table.required and (name, c.name) != unread else _forbidden(name, c)
            for c in there
        ]
        source = rows if more != name else f"(SELECT NULL FROM {rows} UNION ALL SELECT NULL)"
        return f"CREATE OR REPLACE VIEW main.{identifier(name)} AS SELECT {', '.join(listed) or 'NULL'} FROM {source}"

    def _rows(self, source: str) -> str:
        """Read a source once; where it is from then on."""
        if source not in self._kept:
            self._kept[source] = f"kept.main.rows_{len(self._kept)}"
            self._connection.execute(f"CREATE TABLE {self._kept[source]} AS FROM {source}")
        return self._kept[source]

    def _compared(self, case: Case, stored: str) -> str:
        described = [row[0] for row in self._connection.execute(f"DESCRIBE {_RESULT}").fetchall()]
        if described != [column.name for column in case.schema]:
            return DIFFERS
        made = f"({selection(case.schema, _RESULT)})"
        for one, other in ((made, stored), (stored, made)):
            if self._connection.execute(f"(FROM {one}) EXCEPT ALL (FROM {other}) LIMIT 1").fetchall():
                return DIFFERS
        return SAME


def _forbidden(name: str, column: Column) -> str:
    message = literal(f"{FORBIDDEN} {name}.{column.name}")
    return f"CAST(error({message}) AS {column.type}) AS {identifier(column.name)}"


def faults(bare: Bare, case: Case) -> list[str]:
    """What is wrong with the inferred requirement of a case; nothing where it is enough and all of it is needed."""
    with bare.offering(case):
        found = bare.outcome(case)
        if found != SAME:
            return [f"{case.name} over what it requires: {found}"]
        return [f"{case.name} {fault}" for part in case.parts() for fault in _needless(bare, case, part)]


def _needless(bare: Bare, case: Case, part: Part) -> Iterator[str]:
    """What speaks against a part: it can go, nobody reads it, or nobody counts its rows."""
    (table, column), gone = part, bare.outcome(case, gone=part)
    if column is None:
        if not gone.startswith("CatalogException"):
            yield f"without {table}: {gone}"
        if not case.tables[table].required and bare.outcome(case, more=table) == SAME:
            yield f"does not count {table}"
        return
    if gone == SAME and not _is_caught(case, part):
        yield f"without {table}.{column}: {gone}"
    unread = bare.outcome(case, unread=part)
    if f"{FORBIDDEN} {table}.{column}" not in unread:
        yield f"does not read {table}.{column}: {unread}"


def _is_caught(case: Case, part: Part) -> bool:
    """Whether another table has a column of that name: DuckDB may take a bare name in a subquery for that one.

    Joined to the column that is gone, it holds the same. Whether the column is read then decides alone.
    """
    columns = ((name, column.name) for name, table in case.tables.items() for column in table.columns)
    return any(name != part[0] and column == part[1] for name, column in columns)
