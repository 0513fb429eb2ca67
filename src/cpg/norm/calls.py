"""Each call, with what is called as it is written."""

from ids import call_id, scope_id

from relspec import task


@task(name="norm.calls")
def calls(ctx):
    """Name each call, and the scope in which it stands."""
    raw = ctx.table("raw_calls")
    return raw.select(
        "file_id",
        "callee_shape",
        "callee_root",
        "callee_dotted",
        "arg_count",
        "kw_count",
        call_id=call_id(raw),
        scope_id=scope_id(raw),
    )
