"""Names for things, the same on every machine and in every engine: a prefix and 16 digits of an md5 of the parts.

The parts say where something stands in the structure: its file, the key of its scope, its name, and its ordinal among
those of that name. Never a line or a column: a line inserted above leaves all ids as they are.
"""

import ibis
from ibis.expr.types import IntegerValue, StringValue, Table


def node_id(prefix: str, first: StringValue, *more: StringValue | IntegerValue) -> StringValue:
    """Name what `first` and the parts that follow identify together. The SQL tasks spell out the same."""
    parts = first
    for part in more:
        parts = parts + "|" + part.cast("string")
    return prefix + ":" + parts.hexdigest("md5").left(16)


def scope_id(rows: Table, key: str = "scope_key") -> StringValue:
    """Name the scope that the column `key` is the key of; nothing where there is none."""
    return node_id("scope", rows.file_id, rows[key])


def binding_id(rows: Table) -> StringValue:
    """Name what a name stands for in a scope."""
    return node_id("binding", rows.file_id, rows.scope_key, rows.name)


def def_id(rows: Table) -> StringValue:
    """Name a definition by the scope that it opens."""
    return node_id("def", rows.file_id, rows.body_key)


def ref_id(rows: Table) -> StringValue:
    """Name one use of a name."""
    return node_id("ref", rows.file_id, rows.scope_key, rows.name, rows.ord)


def call_id(rows: Table) -> StringValue:
    """Name one call; what is called need not have a name."""
    return node_id("call", rows.file_id, rows.scope_key, rows.callee_dotted.fill_null(""), rows.ord)


def import_id(rows: Table) -> StringValue:
    """Name one name of an import statement."""
    return node_id("import", rows.file_id, rows.scope_key, rows.stmt_ord, rows.alias_ord)


def diag_id(rows: Table) -> StringValue:
    """Name one remark about a file."""
    return node_id("diag", rows.file_id, rows.code, rows.message, rows.ord)


def is_module_level(rows: Table) -> ibis.expr.types.BooleanValue:
    """Whether a row stands in the scope of its module itself."""
    return rows.scope_key.re_search("^/[^/]+$")


def mangled(name: StringValue, scope_key: StringValue) -> StringValue:
    """Spell a private name as Python does within a class: `__x` in the class `_C` is `_C__x`."""
    innermost = scope_key.re_extract(".*/class:([^#/]+)#", 1).re_replace("^_+", "")
    private = name.startswith("__") & ~name.endswith("__") & (innermost != "")
    return ibis.ifelse(private, "_" + innermost + name, name)
