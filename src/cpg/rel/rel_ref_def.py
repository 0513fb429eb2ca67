"""Which definitions each used name may mean."""

import ibis
from ibis import _

from relspec import task


@task(name="rel.ref_def", kind="materialization")
def rel_ref_def(ctx):
    """Lead each name that is read to the definitions that give it its value, here or where it is imported from."""
    refs = ctx.table("refs").filter(_.ctx == "load").select("scope_id", "name", src="ref_id")
    bound = ctx.table("rel_ref_binding").select("file_id", src="src", binding_id="dst")
    meant = bound.inner_join(ctx.table("binding_roots"), "binding_id").select("src", "file_id", "root_binding_id")
    found = refs.inner_join(meant, "src").inner_join(definitions(ctx), "root_binding_id")
    return found.select("src", "file_id", "scope_id", "name", "dst", "method")


def definitions(ctx):
    """Find the definitions that give each binding its value."""
    local = at_roots(ctx, ctx.table("rel_def_binding")).select("root_binding_id", dst="src")
    imports = at_roots(ctx, ctx.table("rel_import_binding")).select("root_binding_id", import_id="src")
    known = ctx.table("rel_import_def").select("dst", import_id="src")
    imported = imports.inner_join(known, "import_id").select("root_binding_id", "dst")
    both = local.mutate(method=ibis.literal("local_def")).union(imported.mutate(method=ibis.literal("imported_def")))
    # A module that imports from itself would give one definition twice.
    return both.group_by("root_binding_id", "dst").agg(method=_.method.max())


def at_roots(ctx, relation):
    """Follow a relation that leads to bindings on to those that declare them."""
    roots = ctx.table("binding_roots")
    found = relation.inner_join(roots, relation.dst == roots.binding_id)
    return found.select("src", "root_binding_id")
