"""Functions and classes with their full names."""

from ids import def_id, is_module_level, mangled, scope_id

from relspec import task


@task(name="norm.defs")
def defs(ctx):
    """Give each definition its dotted name within the module, and with the module, and the name that it binds."""
    found = ctx.table("raw_defs").inner_join(ctx.table("modules").select("file_id", "module_fqn"), "file_id")
    # Since Python 3.12 type parameters have a scope around that of the function or class, which no name tells of.
    within = found.body_key.re_replace("^/module:[^/]+/", "").re_replace("function:type_params[^/]*/", "")
    found = found.mutate(qualname=within.re_replace("(class|function):([^#/]+)#[0-9]+", "\\2").replace("/", "."))
    return found.select(
        "file_id",
        "kind",
        "name",
        "qualname",
        "arg_count",
        "decorator_count",
        "has_docstring",
        def_id=def_id(found),
        scope_id=scope_id(found),
        body_scope_id=scope_id(found, "body_key"),
        def_fqn=found.module_fqn + "." + found.qualname,
        bound_name=mangled(found.name, found.scope_key),
        is_module_level=is_module_level(found),
    )
