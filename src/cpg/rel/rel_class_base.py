"""Which class inherits from which."""

import ibis
from ibis import _
from ids import def_id
from lookup import by_module, by_name

from relspec import task


@task(name="rel.class_base")
def rel_class_base(ctx):
    """Lead each class to those of its bases that are defined in these sources."""
    classes = ctx.table("defs").filter(_.kind == "class")
    bases = ctx.table("raw_bases")
    bases = bases.select(use_id=def_id(bases), root=bases.base_root, dotted=bases.base_dotted)
    inner = classes.select("file_id", "scope_id", use_id="def_id")
    uses = bases.inner_join(inner, "use_id").select("use_id", "scope_id", "root", "dotted")
    found = ibis.union(by_name(ctx, uses), by_module(ctx, uses)).inner_join(inner, "use_id")
    found = found.semi_join(classes, "def_id")
    return found.select("file_id", "method", src="use_id", dst="def_id").distinct()
