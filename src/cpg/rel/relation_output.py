"""All relations in one table."""

import ibis

from relspec import task

#: The kind of edge that each relation gives.
KINDS = {
    "rel_scope_parent": "SCOPE_PARENT",
    "rel_ref_binding": "REF_BINDS",
    "rel_binding_resolves": "BINDING_RESOLVES_TO",
    "rel_def_binding": "DEF_BINDS",
    "rel_import_binding": "IMPORT_BINDS",
    "rel_import_module": "IMPORTS_MODULE",
    "rel_import_def": "IMPORTS_DEF",
    "rel_ref_def": "REF_TO_DEF",
    "rel_call_callee": "CALLS",
    "rel_class_base": "INHERITS",
}


@task(name="rel.output")
def relation_output(ctx):
    """Put the relations together; how sure an edge is stands with those that are weighed, which are calls."""
    return ibis.union(*(relation(ctx.table(name), kind) for name, kind in KINDS.items()))


def relation(rows, kind):
    """Bring one relation to the common columns."""
    return rows.select(
        "src",
        "dst",
        "file_id",
        kind=ibis.literal(kind),
        method=rows.method if "method" in rows.columns else ibis.null("string"),
        confidence=rows.confidence if "confidence" in rows.columns else ibis.null("float64"),
    )
