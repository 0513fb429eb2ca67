"""What the product says of two queries, and what DuckDB says: fingerprints on one side, executed rows on the other."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
from tests.core.shop import NAMES
from tests.core.shop import schema as described
from tests.equivalence.data import DATA_SETS, opened

from relspec.core.plan import Requirement, fingerprint_of
from relspec.core.problem import Problem
from relspec.core.schema import Schema
from relspec.core.work import Analyse, Needs
from relspec.edges.engine.analyse import Analysis, analyse
from relspec.edges.engine.connection import open_connection
from relspec.edges.engine.empties import Empties

_SECONDS_MAX = 2.0


@dataclass(frozen=True, slots=True)
class Compiled:
    """A query with its identity: `fingerprint` decides whether an edit counts."""

    sql: str
    fingerprint: str
    inputs: tuple[Requirement, ...]
    coarse: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """The names and types of the outputs, and the rows as a bag."""

    columns: tuple[tuple[str, str], ...]
    rows: Counter[str]


class Trial:
    """Compiles queries over the shop as the product does, and runs them on every data set."""

    def __init__(self) -> None:
        self._binder = Empties(open_connection(512, "UTC", "", files=False))
        self.databases = {name: opened(rows) for name, rows in DATA_SETS.items()}
        shop = self.databases["shop"]
        self.schemas: dict[str, Schema] = {name: described(shop, f"from main.{name}") for name in NAMES}
        self._compiled: dict[str, Compiled | str] = {}
        self._results: dict[tuple[str, str], Result | str] = {}

    def compiled(self, text: str) -> Compiled | str:
        """Compile `text`; gives the message of what stands in the way where something does."""
        if text not in self._compiled:
            self._compiled[text] = self._answer(text)
        return self._compiled[text]

    def _answer(self, text: str) -> Compiled | str:
        schemas = tuple(sorted(self.schemas.items()))
        request = Analyse("task", "task.sql", 1, text, False, schemas, (), None, (), False)
        match analyse(self._binder, request):
            case Analysis(answer=found):
                fingerprint = fingerprint_of("task", found.canonical, found.schema, found.inputs, ())
                return Compiled(found.sql, fingerprint, found.inputs, found.coarse)
            case Problem() as problem:
                return problem.message
            case Needs(datasets=datasets):
                return f"unknown datasets: {datasets}"

    def result(self, sql: str, data: str) -> Result | str:
        """Run `sql` on one data set; gives the first line of the engine's error where it fails."""
        key = sql, data
        if key not in self._results:
            self._results[key] = result_of(self.databases[data], sql)
        return self._results[key]

    def differing(self, first: str, second: str) -> str | None:
        """Name a data set on which two queries give other columns or another bag of rows; an error is no result."""
        for data in self.databases:
            one, other = self.result(first, data), self.result(second, data)
            if isinstance(one, Result) and isinstance(other, Result) and one != other:
                return data
        return None

    def succeeds(self, sql: str) -> bool:
        """Whether a query gives a result on at least two data sets, so that it can show anything."""
        return sum(isinstance(self.result(sql, data), Result) for data in self.databases) > 1


def result_of(connection: duckdb.DuckDBPyConnection, sql: str) -> Result | str:
    """Run `sql`; gives the first line of the engine's error where it fails."""
    # A changed recursion may never end.
    watchdog = threading.Timer(_SECONDS_MAX, connection.interrupt)
    watchdog.start()
    try:
        relation = connection.sql(sql)
        columns = tuple(zip(relation.columns, map(str, relation.types), strict=True))
        return Result(columns, Counter(map(repr, relation.fetchall())))
    except duckdb.Error as error:
        return str(error).split("\n", maxsplit=1)[0]
    finally:
        watchdog.cancel()


@contextmanager
def changed(connection: duckdb.DuckDBPyConnection, statements: str) -> Iterator[None]:
    """Run the block with changed contents, and take them back."""
    connection.execute("begin")
    try:
        connection.execute(statements)
        yield
    finally:
        connection.execute("rollback")
