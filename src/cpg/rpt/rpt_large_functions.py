"""Where the code is longest."""

import ibis
from ibis import _

from relspec import task

#: So many functions of each module are listed.
LISTED = 3


@task(name="rpt.large_functions", kind="materialization")
def rpt_large_functions(ctx):
    """List the longest functions of every module, from their first line to their last."""
    modules = ctx.table("modules").select("file_id", "module_fqn", "path")
    tied = [_.lineno, _.name, _.arg_count, _.has_docstring]
    longest_first = ibis.window(group_by="file_id", order_by=[_.n_lines.desc(), *tied])
    return (
        ctx.table("raw_defs")
        .filter(_.kind != "class")
        .mutate(n_lines=_.end_lineno - _.lineno + 1)
        .mutate(place=ibis.row_number().over(longest_first) + 1)
        .filter(_.place <= LISTED)
        .inner_join(modules, "file_id")
        .select("module_fqn", "place", "name", "n_lines", "arg_count", "has_docstring", "path", "lineno")
        .order_by(_.n_lines.desc(), _.path, _.lineno)
    )
