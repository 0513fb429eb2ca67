"""Which binding each definition gives a value."""

from relspec import task


@task(name="rel.def_binding", kind="view")
def rel_def_binding(ctx):
    """Lead each definition to the binding of its name in the scope in which it stands."""
    defs = ctx.table("defs")
    bindings = ctx.table("bindings").select("binding_id", "scope_id", bound_name="name")
    found = defs.inner_join(bindings, ["scope_id", "bound_name"])
    return found.select(src=found.def_id, dst=found.binding_id, file_id=found.file_id)
