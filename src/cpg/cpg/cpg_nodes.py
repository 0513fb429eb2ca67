"""Everything that there is in the source, by id."""

import ibis
from ibis import _

from relspec import task

#: The id of each normalised table's rows, and what kind of node they are.
KINDS = {
    "modules": ("module_id", "MODULE"),
    "scopes": ("scope_id", "SCOPE"),
    "bindings": ("binding_id", "BINDING"),
    "defs": ("def_id", "DEF"),
    "refs": ("ref_id", "REF"),
    "calls": ("call_id", "CALL"),
    "imports": ("import_id", "IMPORT"),
    "diags": ("diag_id", "DIAG"),
}


@task(name="cpg.nodes", kind="materialization")
def cpg_nodes(ctx):
    """List the nodes of the graph, and the modules outside of these sources that they lead to, which have no file."""
    inside = (nodes(ctx.table(name), key, kind) for name, (key, kind) in KINDS.items())
    outside = ctx.table("rel_import_module").filter(_.method.isin(["stdlib", "unresolved"]))
    outside = outside.select(node_id="dst").distinct()
    outside = outside.select("node_id", node_kind=ibis.literal("EXT_MODULE"), file_id=ibis.null("string"))
    return ibis.union(*inside, outside)


def nodes(rows, key, kind):
    """Bring the rows of one table to the columns of a node."""
    return rows.select(node_id=rows[key], node_kind=ibis.literal(kind), file_id=rows.file_id)
