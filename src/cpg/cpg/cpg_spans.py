"""Where everything stands: the only task that needs to know lines and columns."""

import ibis
from ibis import _
from ids import call_id, def_id, diag_id, import_id, node_id, ref_id

from relspec import task

#: The id of each table's rows that have a place.
PLACED = {
    "raw_defs": def_id,
    "raw_refs": ref_id,
    "raw_calls": call_id,
    "raw_imports": import_id,
    "raw_diags": diag_id,
}
PLACE = ["lineno", "col", "end_lineno", "end_col"]


@task(name="cpg.spans", kind="materialization")
def cpg_spans(ctx):
    """Give each node that has a place its lines and columns, and its bytes in the file."""
    within = ibis.union(*(placed(ctx.table(name), named) for name, named in PLACED.items()))
    lines = ctx.table("src_lines").select("file_id", "line_no", "start_byte")
    first, last = lines.select("file_id", "start_byte", lineno="line_no"), lines.view()
    last = last.select("file_id", end_lineno="line_no", last_byte="start_byte")
    # Inner joins would let DuckDB join lines with lines of the same file first. Behind the last line, where a file may
    # fail to parse, there is no byte.
    found = within.left_join(first, ["file_id", "lineno"]).left_join(last, ["file_id", "end_lineno"])
    found = found.select("node_id", *PLACE, bstart=found.start_byte + found.col, bend=found.last_byte + found.end_col)
    return found.union(whole_files(ctx))


def placed(rows, named):
    """Name the rows of one table; their places stay as they are."""
    return rows.select("file_id", *PLACE, node_id=named(rows))


def whole_files(ctx):
    """Let each module reach from its first byte to the end of its last line; one without lines has neither."""
    lines = ctx.table("src_lines")
    ends = lines.group_by("file_id").agg(last=_.line_no.max(), start=_.start_byte.max(), end=_.end_byte.max())
    files = ctx.table("src_files").select("file_id").left_join(ends, "file_id")
    zero = ibis.literal(0, "int32")
    return files.select(
        node_id=node_id("module", files.file_id),
        lineno=ibis.literal(1, "int32"),
        col=zero,
        end_lineno=files.last.fill_null(1),
        end_col=(files.end - files.start).fill_null(0).cast("int32"),
        bstart=zero.cast("int64"),
        bend=files.end.fill_null(0),
    )
