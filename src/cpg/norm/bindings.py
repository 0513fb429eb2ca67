"""What each name stands for in each scope that uses it."""

import ibis
from ids import binding_id, is_module_level, scope_id

from relspec import task


@task(name="norm.bindings", kind="view")
def bindings(ctx):
    """Say of each name in a scope how it comes to its value, and whether it belongs to that scope."""
    raw = ctx.table("raw_symbols")
    module_level = is_module_level(raw)
    # A function that declares a name global makes the module declare it, which need not give it a value.
    declared_here = raw.is_local | (module_level & raw.is_declared_global)
    # A name may be several of these at once: the first that holds says the most.
    kind = ibis.cases(
        (raw.is_parameter, "parameter"),
        (raw.is_nonlocal, "nonlocal"),
        (raw.is_declared_global & ~module_level, "global"),
        (raw.is_free, "free"),
        (raw.is_imported, "import"),
        (raw.is_namespace, "definition"),
        (declared_here, "local"),
        else_="implicit_global",
    )
    return raw.select(
        "file_id",
        "scope_key",
        "name",
        binding_id=binding_id(raw),
        scope_id=scope_id(raw),
        binding_kind=kind,
        declared_here=declared_here,
        is_module_level=module_level,
    )
