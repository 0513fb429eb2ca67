"""What every table has to hold: each task's own text, run by plain DuckDB over the files that lie there now.

A Python task is run as the SQL that its shape spells, so Ibis is held against it too.
"""

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from tests.campaign.files import Files, pattern_of
from tests.campaign.meaning import Meanings
from tests.campaign.shape import Project, Source
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


class Oracle:
    """Evaluates versions of one project."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._connection = duckdb.connect(":memory:", config={"threads": 1})

    def close(self) -> None:
        """End."""
        self._connection.close()

    def tables(self, project: Project, files: Files, names: Iterable[str]) -> dict[str, Table]:
        """The tables of all sources and of the tasks `names`, which are in an order in which they can be made."""
        meanings, found = Meanings(project), {}
        for (name,) in self._connection.execute("select table_name from duckdb_tables()").fetchall():
            self._connection.execute(f"drop table {name}")
        for source in project.sources:
            found[source.name] = self._made(source.name, f"select * from {self._reader(source)}")
        for name in names:
            task = project.task(name)
            assert task is not None
            text = query_sql(task.query, meanings, random.Random(0)) if task.is_python else files[task.path]
            found[name] = self._made(name, text)
        return found

    def _made(self, name: str, text: str) -> Table:
        self._connection.execute(f"create table {name} as {text}")
        return read(self._connection, name)

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
