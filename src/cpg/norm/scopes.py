"""Scopes: modules, classes, functions, and what Python runs as functions (lambdas, comprehensions)."""

from ids import scope_id

from relspec import task


@task(name="norm.scopes", kind="view")
def scopes(ctx):
    """Name each scope and the one around it, which a module does not have."""
    raw = ctx.table("raw_scopes")
    return raw.select(
        "file_id",
        "scope_key",
        "kind",
        "name",
        scope_id=scope_id(raw),
        parent_scope_id=scope_id(raw, "parent_key"),
    )
