"""Which definitions each call may reach."""

import ibis
from ibis import _
from ids import scope_id
from lookup import by_module, by_name

from relspec import task

#: How sure it is, in percent, that a call reaches one of the definitions found: a name may be bound anew, a method
#: overridden below. Where several are found, each has its share. Of the calls that tests of three packages executed
#: (`python -m tests.cpg.traced`), 1 of 383 by `self` went elsewhere, and none of the 1,786 others.
CONFIDENCE = {"local_def": 99, "imported_def": 99, "self_method": 97, "module_attr": 99}


@task(name="rel.call_callee", kind="materialization")
def rel_call_callee(ctx):
    """Lead each call to definitions, by its name, or by the module or the class that it names. Most reach none."""
    calls = ctx.table("calls").filter(_.callee_shape != "other")
    uses = calls.select("scope_id", use_id="call_id", root="callee_root", dotted="callee_dotted")
    found = ibis.union(by_name(ctx, uses), by_module(ctx, uses), by_class(ctx, uses))
    found = found.group_by("use_id", "def_id").agg(method=_.method.max())
    files = calls.select("file_id", use_id="call_id")
    found = found.inner_join(files, "use_id").select("file_id", "method", src="use_id", dst="def_id")
    n_found = found.count().over(group_by="src")
    sureness = [(_.method == method, ibis.literal(sure)) for method, sure in CONFIDENCE.items()]
    return found.mutate(confidence=ibis.cases(*sureness) / (n_found * 100))


def by_class(ctx, uses):
    """Look `self.f` and `cls.f` up among the functions of the class that stands nearest around."""
    uses = uses.filter(_.root.isin(["self", "cls"]))
    uses = uses.select("use_id", "scope_id", name=_.dotted.substr(_.root.length() + 1))
    methods = ctx.table("defs").select("def_id", "name", class_scope_id="scope_id")
    found = uses.inner_join(nearest_classes(ctx), "scope_id").inner_join(methods, ["class_scope_id", "name"])
    return found.select("use_id", "def_id", method=ibis.literal("self_method"))


def nearest_classes(ctx):
    """Find the class that stands nearest around each scope."""
    above = ctx.table("raw_scope_ancestors").filter((_.ancestor_kind == "class") & (_.depth > 0))
    nearest = ibis.window(group_by=["file_id", "scope_key"], order_by=["depth", "ancestor_key"])
    above = above.mutate(place=ibis.row_number().over(nearest)).filter(_.place == 0)
    return above.select(scope_id=scope_id(above), class_scope_id=scope_id(above, "ancestor_key"))
