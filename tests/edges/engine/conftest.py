"""A place with objects and temporaries, and one real DuckDB connection, opened as the engine opens it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from relspec.core.dataset import Dataset, Format, Part, Reader
from relspec.core.plan import Udf
from relspec.core.problem import Problem
from relspec.core.schema import Column, Schema, schema_of
from relspec.core.work import Execute, Executed, Intake, Intaken
from relspec.edges.engine.connection import open_connection
from relspec.edges.engine.execute import execute
from relspec.edges.engine.intake import intake


@dataclass(frozen=True, slots=True)
class Place:
    """A project's data, objects and temporaries under one directory."""

    root: Path
    connection: duckdb.DuckDBPyConnection

    @property
    def objects(self) -> Path:
        return self.root / "objects"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    def asked(
        self,
        name: str,
        data: bytes | str,
        format_: Format = Format.CSV,
        reader: Reader | None = None,
        types: tuple[tuple[str, str], ...] = (),
    ) -> Intake:
        path = self.root / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return Intake("things", str(path), name, format_, reader, types, None, str(self.objects), str(self.temporary))

    def intake(self, name: str, data: bytes | str, *rest: Any, **named: Any) -> Intaken | Problem:
        return intake(self.connection, self.asked(name, data, *rest, **named))

    def taken(self, name: str, data: bytes | str, *rest: Any, **named: Any) -> Intaken:
        answer = self.intake(name, data, *rest, **named)
        assert isinstance(answer, Intaken), answer
        return answer

    def refused(self, name: str, data: bytes | str, *rest: Any, **named: Any) -> Problem:
        answer = self.intake(name, data, *rest, **named)
        assert isinstance(answer, Problem), answer
        return answer

    def rows(self, path: str) -> list[tuple[Any, ...]]:
        # Text, since fetching a timestamp with a zone as a Python value wants another package.
        return self.connection.execute(f"SELECT COLUMNS(*)::VARCHAR FROM '{path}'").fetchall()

    def dataset(self, name: str, query: str, *more: str) -> Dataset:
        """Write queries as part files of the user's own kind, without stamps."""
        parts = []
        for at, text in enumerate((query, *more)):
            path = self.root / f"{name}-{at}.parquet"
            self.connection.execute(f"COPY ({text}) TO '{path}'")
            parts.append(Part(f"{name}{at}", str(path), 0, None))
        described = self.connection.execute(f"DESCRIBE {query}").fetchall()
        return Dataset(name, Schema(tuple(Column(row[0], row[1]) for row in described)), tuple(parts))

    def ask(
        self,
        sql: str,
        schema: Mapping[str, str],
        *inputs: Dataset,
        column_sets: tuple[tuple[Column, ...], ...] = (),
        udfs: tuple[Udf, ...] = (),
    ) -> Execute:
        where = (str(self.objects), str(self.temporary))
        return Execute("task", "tasks/task.sql", 3, sql, inputs, schema_of(schema), column_sets, udfs, *where, "key")

    def execute(
        self, request: Execute, functions: Mapping[str, Callable[..., Any]] | None = None
    ) -> Executed | Problem:
        return execute(self.connection, request, functions or {})

    def executed(self, sql: str, schema: Mapping[str, str], *inputs: Dataset, **named: Any) -> Executed:
        answer = self.execute(self.ask(sql, schema, *inputs, **named))
        assert isinstance(answer, Executed), answer
        return answer

    def object(self, content: str) -> str:
        return str(self.objects / f"{content}.parquet")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    for name in ("objects", "tmp"):
        (tmp_path / name).mkdir()
    connection = open_connection(512, "UTC", str(tmp_path / "tmp" / "spill"))
    yield Place(tmp_path, connection)
    connection.close()
