"""Functions and classes with their full names."""

from ids import node_id

from relspec import task


@task(name="norm.defs")
def defs(ctx):
    """Give each definition its dotted name within the module, and with the module."""
    found = ctx.table("raw_defs").inner_join(ctx.table("modules").select("file_id", "module_fqn"), "file_id")
    within = found.body_key.re_replace("^/module:[^/]+/", "")
    found = found.mutate(qualname=within.re_replace("(class|function):([^#/]+)#[0-9]+", "\\2").replace("/", "."))
    return found.select(
        "file_id",
        "kind",
        "name",
        "qualname",
        "arg_count",
        "decorator_count",
        "has_docstring",
        def_id=node_id("def", found.file_id, found.body_key),
        scope_id=node_id("scope", found.file_id, found.scope_key),
        body_scope_id=node_id("scope", found.file_id, found.body_key),
        def_fqn=found.module_fqn + "." + found.qualname,
    )
