"""Which module needs which."""

from ibis import _

from relspec import task


@task(name="rpt.module_deps", kind="materialization")
def rpt_module_deps(ctx):
    """Count the names that each module imports from each other module."""
    importers = ctx.table("modules").select("file_id", "module_fqn")
    return (
        ctx.table("rel_import_module")
        .inner_join(importers, "file_id")
        .group_by("module_fqn", "abs_module", "method")
        .agg(n_imports=_.count())
        .order_by("module_fqn", "abs_module", "method")
    )
