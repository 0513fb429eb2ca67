"""Which definition each import means."""

import ibis
from ibis import _

from relspec import task

#: So many modules may hand a definition on before it is imported.
HOPS = 2


@task(name="rel.import_def")
def rel_import_def(ctx):
    """Lead `from m import f` to the definition of f in m, or in the module that m itself imports f from."""
    wanted = from_modules(ctx)
    found = [defined(ctx, wanted)]
    for _hop in range(HOPS):
        found.append(handed_on(ctx, wanted, found[-1]))
    nearest = ibis.union(*found).group_by("src", "dst", "file_id").agg(n_hops=_.n_hops.min())
    return nearest.mutate(method=ibis.ifelse(_.n_hops == 0, "direct", "reexport"))


def from_modules(ctx):
    """Find the names that are imported from modules of these sources, and the files of those."""
    imports = ctx.table("imports").filter(_.name.notnull()).select("import_id", "file_id", "abs_module", "name")
    modules = ctx.table("modules").select(abs_module="module_fqn", origin_id="file_id")
    return imports.inner_join(modules, "abs_module").select("import_id", "file_id", "origin_id", "name")


def defined(ctx, wanted):
    """Find imports of what is defined where it is imported from."""
    defs = ctx.table("defs").filter(_.is_module_level).select("def_id", "name", origin_id="file_id")
    found = wanted.inner_join(defs, ["origin_id", "name"])
    return found.select(src=found.import_id, dst=found.def_id, file_id=found.file_id, n_hops=ibis.literal(0, "int32"))


def handed_on(ctx, wanted, known):
    """Find imports of names that are themselves imported there, as far as those are `known`."""
    there = ctx.table("imports").filter(_.is_module_level & _.name.notnull())
    there = there.select(via_id="import_id", origin_id="file_id", name="bound_name")
    via = wanted.inner_join(there, ["origin_id", "name"]).select("import_id", "file_id", "via_id")
    known = known.select(via_id="src", dst="dst", n_hops="n_hops")
    found = via.inner_join(known, "via_id")
    n_hops = (found.n_hops + 1).cast("int32")
    return found.select(src=found.import_id, dst=found.dst, file_id=found.file_id, n_hops=n_hops)
