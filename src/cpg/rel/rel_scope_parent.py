"""Which scope stands in which."""

from ibis import _

from relspec import task


@task(name="rel.scope_parent", kind="view")
def rel_scope_parent(ctx):
    """Lead each scope to the one around it."""
    inner = ctx.table("scopes").filter(_.parent_scope_id.notnull())
    return inner.select(src=_.scope_id, dst=_.parent_scope_id, file_id=_.file_id)
