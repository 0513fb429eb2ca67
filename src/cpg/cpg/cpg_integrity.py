"""What must hold of the graph, whatever the source is: each number is that of the rows that break it."""

import ibis
from ibis import _

from relspec import task


@task(name="cpg.integrity", kind="materialization")
def cpg_integrity(ctx):
    """Count the violations of each rule; all of them are 0, or a task or the extractor is wrong."""
    nodes, edges = ctx.table("cpg_nodes"), ctx.table("cpg_edges")
    props, spans = ctx.table("cpg_props"), ctx.table("cpg_spans")
    entities = nodes.select(id="node_id").union(edges.select(id="edge_id"))
    defs, binds = nodes.filter(_.node_kind == "DEF"), edges.filter(_.edge_kind == "DEF_BINDS")
    placed = nodes.filter(_.node_kind.isin(["MODULE", "DEF", "REF", "CALL", "IMPORT", "DIAG"]))
    return ibis.union(
        repeated("node_id_is_unique", nodes.node_id),
        repeated("edge_id_is_unique", edges.edge_id),
        strangers("edge_source_is_a_node", edges.src_node_id, nodes.node_id),
        strangers("edge_target_is_a_node", edges.dst_node_id, nodes.node_id),
        strangers("property_is_of_a_node_or_an_edge", props.entity_id, entities.id),
        strangers("span_is_of_a_node", spans.node_id, nodes.node_id),
        strangers("placed_node_has_a_span", placed.node_id, spans.node_id),
        strangers("definition_has_a_binding", defs.node_id, binds.src_node_id),
    )


def repeated(check, ids):
    """Count the rows beyond the first of each id."""
    rows = ids.as_table()
    return counted(check, rows.agg(violations=rows.count() - rows[0].nunique()))


def strangers(check, ids, known):
    """Count the rows whose id is not among the known ones; NULL is nobody's id."""
    rows, there = ids.name("id").as_table(), known.name("id").as_table()
    return counted(check, rows.anti_join(there, "id").agg(violations=_.count()))


def counted(check, violations):
    """Put the name of its check before a count."""
    return violations.select(check_name=ibis.literal(check), violations="violations")
