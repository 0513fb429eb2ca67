"""Each use of a name."""

from ids import ref_id, scope_id

from relspec import task


@task(name="norm.refs")
def refs(ctx):
    """Name each use of a name, and the scope in which it stands."""
    raw = ctx.table("raw_refs")
    return raw.select("file_id", "name", "ctx", ref_id=ref_id(raw), scope_id=scope_id(raw))
