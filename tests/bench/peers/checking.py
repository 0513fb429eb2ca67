"""What the tables should hold: raw DuckDB over the same SQL. A fast answer that is wrong is worth nothing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb
from tests.bench.peers.rendering import Rendering

#: Rows of a table, in whatever order.
Rows = Sequence[Sequence[Any]]


class Expected:
    """Every table of the project in memory, brought up to each edit."""

    def __init__(self, project: Rendering) -> None:
        self._connection = duckdb.connect(config={"threads": 1})
        self.follow(project, (node.name for node in project.nodes))

    def follow(self, project: Rendering, names: Iterable[str]) -> None:
        """Build the tables `names` anew; they come in an order that can be executed."""
        by_name = {node.name: node for node in project.nodes}
        for name in names:
            self._connection.execute(f"create or replace table {name} as {project.sql(by_name[name])}")

    def tables(self, names: Iterable[str]) -> dict[str, Rows]:
        """The rows of some tables."""
        return {name: self._connection.execute(f"select * from {name}").fetchall() for name in names}

    def close(self) -> None:
        """Drop everything."""
        self._connection.close()


def differing(expected: Mapping[str, Rows], shown: Mapping[str, Rows]) -> list[str]:
    """Name the tables that are not shown as expected, compared as bags of rows."""
    return [name for name, rows in expected.items() if name not in shown or _bag(rows) != _bag(shown[name])]


def _bag(rows: Rows) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in rows)
