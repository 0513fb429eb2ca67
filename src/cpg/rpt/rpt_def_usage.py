"""How much each definition is used."""

from ibis import _

from relspec import task

#: The relations that lead to definitions, by what they count as.
USES = {"n_calls": "rel_call_callee", "n_refs": "rel_ref_def", "n_imports": "rel_import_def"}


@task(name="rpt.def_usage", kind="materialization")
def rpt_def_usage(ctx):
    """Count the calls, reads and imports that lead to each definition; what nothing leads to may still be used."""
    found = ctx.table("defs").select("def_id", "def_fqn", "kind")
    for count, relation in USES.items():
        uses = ctx.table(relation).group_by(used_id="dst").agg(n_uses=_.count())
        found = found.left_join(uses, found.def_id == uses.used_id).drop("used_id")
        found = found.mutate(n_uses=found.n_uses.fill_null(0)).rename({count: "n_uses"})
    return found
