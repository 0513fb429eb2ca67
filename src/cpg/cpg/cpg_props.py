"""What is to be said of nodes and edges, a row a property."""

import ibis

from relspec import task

#: The columns of each table that are properties, by the column that names the entity. How many lines a module has is
#: none: it would change with every line, and stands in cpg_spans.
PROPERTIES = {
    "modules": ("module_id", ["module_fqn", "package_fqn", "path", "is_init"]),
    "defs": ("def_id", ["kind", "name", "qualname", "def_fqn", "arg_count", "decorator_count", "has_docstring"]),
    "calls": ("call_id", ["callee_shape", "callee_dotted", "arg_count", "kw_count"]),
    "bindings": ("binding_id", ["name", "binding_kind", "declared_here", "is_module_level"]),
    "diags": ("diag_id", ["code", "severity", "message"]),
    "cpg_edges": ("edge_id", ["method", "confidence"]),
}
#: The types of values, and what each is in DuckDB.
TYPES = {"string": "string", "int": "int64", "bool": "boolean", "float": "float64"}


@task(name="cpg.props", kind="materialization")
def cpg_props(ctx):
    """List the properties; one that has no value has no row."""
    return ibis.union(*(properties(ctx.table(name), *columns) for name, columns in PROPERTIES.items()))


def properties(rows, key, columns):
    """Make a row of each property of each row, with its value in the column of its type."""
    # Rows are multiplied once and scanned once: a union of one query a property would name each entity many times.
    spread = rows.select(*columns, entity_id=key, prop_key=ibis.array(columns).unnest())
    values = {f"value_{name}": value(spread, columns, dtype) for name, dtype in TYPES.items()}
    types = [(spread[c].notnull() & (spread.prop_key == c), type_of(rows[c])) for c in columns]
    found = spread.select(
        "entity_id",
        "prop_key",
        entity_kind=ibis.literal("EDGE" if key == "edge_id" else "NODE"),
        value_type=ibis.cases(*types, else_=ibis.null("string")),
        **values,
    )
    return found.filter(found.value_type.notnull())


def value(spread, columns, dtype):
    """Take the value of the property that a row is for, if it is of this type."""
    own = [c for c in columns if TYPES[type_of(spread[c])] == dtype]
    cases = [(spread.prop_key == c, spread[c].cast(dtype)) for c in own]
    return ibis.cases(*cases, else_=ibis.null(dtype)) if cases else ibis.null(dtype)


def type_of(column):
    """Name the type of a column's values."""
    dtype = column.type()
    kinds = {"string": dtype.is_string(), "int": dtype.is_integer(), "bool": dtype.is_boolean()}
    return next((name for name, holds in kinds.items() if holds), "float")
