"""One query over Arrow tables, in a database that lives for it alone, with the settings of an engine.

Of each table the columns that the query requires are given, as the types that it was compiled for: Arrow has no UUID
or JSON, and DuckDB's cast back is exact for every type that can be stored (1.5.6, tested) except VARIANT, which has no
form in Arrow. The other columns are NULL: the text may name them, the result does not depend on them. Tables keep the
order of their rows, so ties and the last digits of sums come out alike. This runs in the process of whoever calls it:
the daemon never does.
"""

import tempfile
from collections.abc import Mapping, Sequence

import duckdb
import msgspec
import pyarrow

from relspec.core.digest import edge_digest, task_key
from relspec.core.plan import Udf
from relspec.core.schema import Schema
from relspec.edges.engine.bags import bags_of
from relspec.edges.engine.connection import UserFunction, open_connection, registered
from relspec.edges.engine.execute import seed_of
from relspec.edges.engine.sql import identifier, padded, selection

_GIVEN = '"__relspec_given__"'
_RESULT = '"__relspec_result__"'


class Setting(msgspec.Struct, frozen=True):
    """How an engine is set: its memory, its time zone, and its identity, which is part of keys."""

    memory_mb: int
    timezone: str
    identity: str


class Given(msgspec.Struct, frozen=True):
    """One table under the name that the query has for it, all its columns, and those required, by lower-case names."""

    dataset: str
    table: pyarrow.Table
    schema: Schema
    required: frozenset[str]


class Question(msgspec.Struct, frozen=True):
    """One query; `drawn_from` is its fingerprint where its result depends on chance, which is drawn from the key."""

    sql: str
    gives: Schema
    udfs: tuple[Udf, ...]
    drawn_from: str | None


def execute_bare(
    setting: Setting, question: Question, given: Sequence[Given], functions: Mapping[str, UserFunction]
) -> pyarrow.Table:
    """Execute the query; raises duckdb.Error as it comes. Cost: the given columns are copied once."""
    with (
        tempfile.TemporaryDirectory(prefix="relspec-") as spill,
        open_connection(setting.memory_mb, setting.timezone, spill) as connection,
    ):
        # Here a person reads the errors.
        connection.execute("SET errors_as_json = false")
        for one in given:
            _put(connection, one)
        with registered(connection, question.udfs, functions):
            if question.drawn_from is not None:
                key = task_key(question.drawn_from, setting.identity, _edges(connection, setting, given))
                connection.execute(f"SELECT setseed({seed_of(key)})").fetchall()
            connection.execute(f"CREATE TEMP TABLE {_RESULT} AS {question.sql}")
        return connection.sql(selection(question.gives.columns, _RESULT)).to_arrow_table()


def _put(connection: duckdb.DuckDBPyConnection, given: Given) -> None:
    # A table rather than a view of what was given: its size is known to the planner, as that of a Parquet file is.
    name = _GIVEN.strip('"')
    connection.register(name, given.table)
    selected = padded(given.schema.columns, given.required, _GIVEN)
    connection.execute(f"CREATE TABLE main.{identifier(given.dataset)} AS {selected}")
    connection.unregister(name)


def _edges(connection: duckdb.DuckDBPyConnection, setting: Setting, given: Sequence[Given]) -> dict[str, str]:
    edges = {}
    for one in given:
        columns = one.schema.restrict(one.required)
        _, (bag,) = bags_of(connection, f"main.{identifier(one.dataset)}", [columns])
        edges[one.dataset] = edge_digest(setting.identity, columns, bag)
    return edges
