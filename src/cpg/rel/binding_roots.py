"""The binding that each binding is in the end."""

from ibis import _

from relspec import task


@task(name="rel.binding_roots")
def binding_roots(ctx):
    """Give each binding the one that declares it: itself, or where it resolves to."""
    resolved = ctx.table("rel_binding_resolves").select(binding_id=_.src, dst=_.dst)
    found = ctx.table("bindings").select("binding_id").left_join(resolved, "binding_id")
    return found.select(found.binding_id, root_binding_id=found.dst.fill_null(found.binding_id))
