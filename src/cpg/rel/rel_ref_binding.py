"""What each used name stands for where it is used."""

from relspec import task


@task(name="rel.ref_binding")
def rel_ref_binding(ctx):
    """Lead each use of a name to the binding of that name in the same scope."""
    refs, bindings = ctx.table("refs"), ctx.table("bindings").select("binding_id", "scope_id", "name")
    found = refs.inner_join(bindings, ["scope_id", "name"])
    return found.select(src=found.ref_id, dst=found.binding_id, file_id=found.file_id)
