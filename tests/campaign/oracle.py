"""What every table has to hold: each task's own text, run by plain DuckDB over the files that lie there now.

A Python task is run as the SQL that its shape spells, so Ibis is held against it too.
"""

import hashlib
import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from tests.campaign.files import Files, pattern_of
from tests.campaign.meaning import Meanings
from tests.campaign.shape import Project, Source, inputs
from tests.campaign.sql import query_sql

Types = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table as plain Python values."""

    columns: Types
    rows: tuple[tuple[object, ...], ...]

    def bag(self, names: Iterable[str]) -> tuple[Types, str]:
        """Some columns by name with their types, and their rows as a bag."""
        wanted = sorted(names)
        places = [[n for n, _ in self.columns].index(name) for name in wanted]
        rows = sorted(repr(tuple(row[i] for i in places)) for row in self.rows)
        return tuple(self.columns[i] for i in places), hashlib.sha256("\n".join(rows).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Made:
    """A table that was made from a text over what its inputs were; its number is its own."""

    basis: object
    table: Table
    number: int


class Oracle:
    """Evaluates versions of one project; what has the same text over the same tables is not made again."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._connection = duckdb.connect(":memory:", config={"threads": 1})
        self._made: dict[str, _Made] = {}
        self._numbers = itertools.count()

    def close(self) -> None:
        """End."""
        self._connection.close()

    def tables(self, project: Project, files: Files, names: Iterable[str]) -> dict[str, Table]:
        """The tables of all sources and of the tasks `names`, which are in an order in which they can be made."""
        meanings, found = Meanings(project), {}
        for source in project.sources:
            texts = tuple((path, files[path]) for path, _ in source.files)
            found[source.name] = self._make(source.name, f"select * from {self._reader(source)}", texts)
        for name in names:
            task = project.task(name)
            assert task is not None
            text = query_sql(task.query, meanings, random.Random(0), wide=True) if task.is_python else files[task.path]
            found[name] = self._make(name, text, tuple(self._made[n].number for n in inputs(task.query)))
        for name in self._made.keys() - found.keys():
            self._connection.execute(f"drop table {name}")
            del self._made[name]
        return found

    def _make(self, name: str, text: str, basis: object) -> Table:
        known = self._made.get(name)
        if known is None or known.basis != (text, basis):
            self._connection.execute(f"create or replace table {name} as {text}")
            known = _Made((text, basis), read(self._connection, name), next(self._numbers))
            self._made[name] = known
        return known.table

    def _reader(self, source: Source) -> str:
        pattern = self._root / pattern_of(source)
        if not source.is_csv:
            return f"read_parquet('{pattern}')"
        columns = ", ".join(f"'{c.name}': '{c.type}'" for c in source.columns)
        return f"read_csv('{pattern}', header=true, auto_detect=false, columns={{{columns}}})"


def read(connection: duckdb.DuckDBPyConnection, name: str) -> Table:
    """Read a whole table."""
    cursor = connection.execute(f"select * from {name}")
    columns = tuple((d[0], str(d[1])) for d in cursor.description or ())
    return Table(columns, tuple(cursor.fetchall()))
