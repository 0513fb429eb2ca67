"""Which binding each import gives a value."""

from relspec import task


@task(name="rel.import_binding", kind="view")
def rel_import_binding(ctx):
    """Lead each import to the binding of the name that it binds; a star binds nothing that can be seen."""
    imports = ctx.table("imports")
    bindings = ctx.table("bindings").select("binding_id", "scope_id", bound_name="name")
    found = imports.inner_join(bindings, ["scope_id", "bound_name"])
    return found.select(src=found.import_id, dst=found.binding_id, file_id=found.file_id)
