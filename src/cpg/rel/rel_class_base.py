"""Which class inherits from which."""

import ibis
from ibis import _
from ids import def_id, scope_id
from lookup import by_module, by_name

from relspec import task


@task(name="rel.class_base")
def rel_class_base(ctx):
    """Lead each class to those of its bases that are defined in these sources."""
    raw = ctx.table("raw_bases")
    bases = raw.select(
        "file_id", use_id=def_id(raw), body_id=scope_id(raw, "body_key"), root=raw.base_root, dotted=raw.base_dotted
    )
    # Bases are looked up around the class, which where it has type parameters is not where its name is bound.
    around = ctx.table("scopes").select(body_id="scope_id", scope_id="parent_scope_id")
    uses = bases.inner_join(around, "body_id").select("use_id", "scope_id", "root", "dotted")
    classes = ctx.table("defs").filter(_.kind == "class")
    found = ibis.union(by_name(ctx, uses), by_module(ctx, uses)).semi_join(classes, "def_id")
    found = found.inner_join(bases.select("file_id", "use_id"), "use_id")
    return found.select("file_id", "method", src="use_id", dst="def_id").distinct()
