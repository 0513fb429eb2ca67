"""From an Ibis expression to DuckDB SQL, or to the sentence that says why it is not a query over datasets.

The same expression gives the same text in every process: what Ibis emits in set order is sorted (the parent fixes the
seed of string hashes besides), and Python functions are named by what they do, since Ibis counts them up.
"""

import re
from collections.abc import Callable, Iterable

import ibis.expr.operations as ops
import ibis.expr.types as ir
import msgspec
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.duckdb import DuckDBCompiler
from ibis.expr.operations.udf import InputType

from relspec.core.digest import digest_of
from relspec.core.plan import Udf
from relspec.core.schema import Schema
from relspec.edges.loader.types import duckdb_schema, duckdb_type

#: Gives for a Python function the digest of its code and the file that defines it, as the user knows it.
Coder = Callable[[Callable[..., object]], tuple[str, str]]


class Rendered(msgspec.Struct, frozen=True):
    """A query text with the schema that it promises and the Python functions that it calls."""

    text: str
    schema: Schema
    udfs: tuple[Udf, ...]


class Refused(msgspec.Struct, frozen=True):
    """Why an expression cannot be a task's query: a sentence and a hint."""

    message: str
    hint: str


def render(table: ir.Table, given: Iterable[ir.Table], coder: Coder) -> Rendered | Refused:
    """Write `table` as SQL over the `given` tables, which came from `ctx.table`."""
    refused = _foreign_table(table, given) or _foreign_function(table)
    if refused is not None:
        return refused
    schema = duckdb_schema(table)
    if isinstance(schema, str):
        message = f"column {schema!r} has a type that Ibis cannot express: {table.schema()[schema]}"
        return Refused(message, "cast it to another type, drop it, or write the task in SQL")
    udfs = name_functions(python_functions(table), coder)
    tree = DuckDBCompiler().to_sqlglot(table)
    _sort_exclusions(tree)
    return Rendered(tree.sql(dialect="duckdb", normalize_functions=False), schema, udfs)


def python_functions(table: ir.Table) -> tuple[type[ops.ScalarUDF], ...]:
    """List the Python functions that an expression calls, each once."""
    found = (type(node) for node in table.op().find(ops.ScalarUDF) if node.__input_type__ is not InputType.BUILTIN)
    return tuple(dict.fromkeys(found))


def name_functions(functions: Iterable[type[ops.ScalarUDF]], coder: Coder) -> tuple[Udf, ...]:
    """Name Python functions by their content, in Ibis itself, so that the SQL calls them by that name.

    Two functions of one name and one content are one.
    """
    found = {}
    for function in functions:
        udf = _udf(function, coder)
        # Ibis takes the name for the SQL from that of the node's class.
        function.__name__ = udf.name
        found[udf.name] = udf
    return tuple(found[name] for name in sorted(found))


def code_of(function: type[ops.ScalarUDF]) -> Callable[..., object]:
    """Get at the user's function, which Ibis keeps as a property of the node."""
    found: Callable[..., object] = function.__dict__["__func__"].fget(None)
    return found


def _udf(function: type[ops.ScalarUDF], coder: Coder) -> Udf:
    code = code_of(function)
    digest, path = coder(code)
    parameters = [duckdb_type(p.annotation.pattern.dtype) for p in function.__signature__.parameters.values()]
    returns = duckdb_type(function.__dict__["dtype"])
    spelled = [text or "VARCHAR" for text in (*parameters, returns)]
    # The types are part of what is registered under the name.
    digest = digest_of("udf", digest, *spelled)
    name = re.sub(r"\W", "_", code.__name__).lower()
    return Udf(f"{name}_{digest[:8]}", tuple(spelled[:-1]), spelled[-1], digest, path)


def _foreign_table(table: ir.Table, given: Iterable[ir.Table]) -> Refused | None:
    known = {source.op() for source in given}
    for node in table.op().find(ops.PhysicalTable):
        if node in known or isinstance(node, ops.AliasedRelation):
            continue
        if isinstance(node, ops.InMemoryTable):
            message = "the query holds a table in memory (ibis.memtable), which has no name and no content of its own"
            return Refused(message, "put the rows into a file under data/, and read it by ctx.table")
        if isinstance(node, ops.UnboundTable):
            message = f"the query reads a table {node.name!r} that was not given by ctx"
            return Refused(message, f"use ctx.table({node.name!r}): then its columns are those that are really there")
        message = f"the query reads {getattr(node, 'name', 'a table')!r} of a database connection"
        return Refused(message, "make it a source of the project, and read it by ctx.table")
    return None


def _foreign_function(table: ir.Table) -> Refused | None:
    for node in table.op().find((ops.ScalarUDF, ops.AggUDF)):
        name, kind = node.__func_name__, node.__input_type__
        if kind is InputType.BUILTIN or (kind is InputType.PYTHON and isinstance(node, ops.ScalarUDF)):
            continue
        shape = "aggregate" if isinstance(node, ops.AggUDF) else "scalar"
        message = f"the {shape} UDF {name!r} of kind {kind.name.lower()} is not supported"
        return Refused(message, "use @ibis.udf.scalar.python, or a function of DuckDB (builtin)")
    return None


def _sort_exclusions(tree: sge.Expression) -> None:
    for star in tree.find_all(sge.Star):
        for key in ("except_", "except"):
            columns = star.args.get(key)
            if columns:
                star.set(key, sorted(columns, key=lambda column: column.sql(dialect="duckdb")))
