"""What leads to what in the graph."""

from ids import node_id

from relspec import task


@task(name="cpg.edges", kind="materialization")
def cpg_edges(ctx):
    """Name each edge by its kind and its ends."""
    rows = ctx.table("relation_output")
    return rows.select(
        edge_id=node_id("edge", rows.kind, rows.src, rows.dst),
        edge_kind=rows.kind,
        src_node_id=rows.src,
        dst_node_id=rows.dst,
        file_id=rows.file_id,
        method=rows.method,
        confidence=rows.confidence,
    )
