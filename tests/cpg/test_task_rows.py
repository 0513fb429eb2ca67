"""What the tasks say of a small tree, row by row. What edits of a tree cost stands in `cones`.

Caught: names of classes seen from within, comprehensions without a scope, a re-export lost.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pytest
from tests.by_hand import declared
from tests.cpg.tree import ROOT, SOURCES, Graph, graph_by_hand

#: Where bindings stand and what they are called.
BINDINGS = """
    with names as (
        select binding_id, b.name, binding_kind, declared_here, s.name as scope, m.module_fqn as module
        from bindings as b join scopes as s using (scope_id) join modules as m on m.file_id = b.file_id
    )
"""


@pytest.fixture(scope="module")
def graph() -> Graph:
    return graph_by_hand(SOURCES)


def test_nothing_is_wrong_with_the_graph(graph: Graph) -> None:
    assert graph.rows("select sum(violations), count(*) from cpg_integrity") == [(0, 8)]


def test_names_belong_to_their_scopes_as_python_has_them(graph: Graph) -> None:
    query = "select scope, name, binding_kind, declared_here from names where module = 'shop.names' order by all"
    assert graph.rows(BINDINGS + query) == [
        ("C", "method", "definition", True),
        ("C", "x", "local", True),
        ("C", "y", "free", False),
        ("implicit", "x", "implicit_global", False),
        ("inner", "x", "free", False),
        ("inner", "y", "nonlocal", False),
        ("listcomp", ".0", "parameter", True),
        ("listcomp", "y", "free", False),
        ("listcomp", "z", "local", True),
        ("method", "self", "parameter", True),
        ("method", "x", "free", False),
        ("method", "y", "free", False),
        ("outer", "C", "definition", True),
        ("outer", "inner", "definition", True),
        ("outer", "x", "local", True),
        ("outer", "y", "local", True),
        ("setter", "new", "global", False),
        ("setter", "print", "implicit_global", False),
        ("setter", "x", "global", False),
        ("shop.names", "implicit", "definition", True),
        ("shop.names", "new", "local", True),
        ("shop.names", "outer", "definition", True),
        ("shop.names", "setter", "definition", True),
        ("shop.names", "x", "local", True),
    ]


def test_names_of_elsewhere_come_from_the_nearest_scope_that_is_asked(graph: Graph) -> None:
    query = """
        select n.scope, n.name, o.scope, r.method, r.depth
        from rel_binding_resolves as r
        join names as n on n.binding_id = r.src join names as o on o.binding_id = r.dst
        where n.module = 'shop.names' order by all
    """
    assert graph.rows(BINDINGS + query) == [
        ("C", "y", "outer", "free", 1),
        ("implicit", "x", "shop.names", "implicit_global", 1),
        ("inner", "x", "outer", "free", 1),
        ("inner", "y", "outer", "nonlocal", 1),
        ("listcomp", "y", "outer", "free", 2),
        ("method", "x", "outer", "free", 2),
        ("method", "y", "outer", "free", 2),
        ("setter", "new", "shop.names", "global", 1),
        ("setter", "x", "shop.names", "global", 1),
    ]


def test_each_binding_has_one_root(graph: Graph) -> None:
    counts = "select count(*), count(distinct binding_id), (select count(*) from bindings) from binding_roots"
    ((n_roots, n_distinct, n_bindings),) = graph.rows(counts)
    assert n_roots == n_distinct == n_bindings
    query = """
        select n.scope, o.scope from binding_roots as r
        join names as n using (binding_id) join names as o on o.binding_id = r.root_binding_id
        where n.module = 'shop.names' and n.name = 'y' order by all
    """
    assert graph.rows(BINDINGS + query) == [
        ("C", "outer"),
        ("inner", "outer"),
        ("listcomp", "outer"),
        ("method", "outer"),
        ("outer", "outer"),
    ]


def test_names_that_are_read_lead_to_definitions(graph: Graph) -> None:
    query = "select src, def_fqn, method from rel_ref_def join defs on def_id = dst where not contains(def_fqn, '._')"
    assert graph.texts(query) == [
        ("shop.names", "inner", "shop.names.outer.inner", "local_def"),
        ("shop.pricing", "Half", "shop.pricing.Half", "local_def"),
        ("shop.pricing", "Rule", "shop.pricing.Rule", "local_def"),
        ("shop.till", "Rule", "shop.pricing.Rule", "imported_def"),
        ("shop.till", "either", "shop.till.either", "local_def"),
        ("shop.till", "either", "shop.till.either", "local_def"),
        ("shop.till", "price_of", "shop.pricing.price", "imported_def"),
    ]


def test_calls_lead_to_definitions_in_each_way(graph: Graph) -> None:
    query = "select src, def_fqn, method, confidence from rel_call_callee join defs on def_id = dst"
    assert graph.texts(query) == [
        ("shop.hidden", "self.__secret()", "shop.hidden._Box.__secret", "self_method", 0.97),
        ("shop.pricing", "Half()", "shop.pricing.Half", "local_def", 0.99),
        ("shop.pricing", "cls.made()", "shop.pricing.Rule.made", "self_method", 0.97),
        ("shop.pricing", "self.scaled(x)", "shop.pricing.Rule.scaled", "self_method", 0.97),
        ("shop.till", "either()", "shop.till.either", "local_def", 0.495),
        ("shop.till", "either()", "shop.till.either", "local_def", 0.495),
        ("shop.till", "p.price(4)", "shop.pricing.price", "module_attr", 0.99),
        ("shop.till", "price_of(1)", "shop.pricing.price", "imported_def", 0.99),
        ("shop.till", "pricing.price(2)", "shop.pricing.price", "module_attr", 0.99),
        ("shop.till", "shop.price_of(6)", "shop.pricing.price", "module_attr", 0.99),
        ("shop.till", "shop.pricing.price(3)", "shop.pricing.price", "module_attr", 0.99),
    ]


def test_private_names_are_those_of_their_class(graph: Graph) -> None:
    query = """
        select b.name, d.name, d.def_fqn from rel_def_binding as r
        join bindings as b on b.binding_id = r.dst join defs as d on d.def_id = r.src
        where starts_with(d.name, '__')
    """
    assert graph.rows(query) == [("_Box__secret", "__secret", "shop.hidden._Box.__secret")]
    read = "select src, def_fqn from rel_ref_def join defs on def_id = dst where def_fqn like 'shop.hidden%'"
    assert graph.texts(read) == [("shop.hidden", "__secret", "shop.hidden._Box.__secret")]


def test_imports_lead_to_modules(graph: Graph) -> None:
    assert graph.texts("select src, abs_module, method from rel_import_module") == [
        ("shop", "price as price_of", "shop.pricing", "internal_module"),
        ("shop", "pricing", "shop.pricing", "internal_submodule"),
        ("shop.pricing", "lost", "shop.gone", "unresolved"),
        ("shop.pricing", "numpy", "numpy", "unresolved"),
        ("shop.pricing", "os.path", "os.path", "stdlib"),
        ("shop.pricing", "too_far", "...", "unresolved"),
        ("shop.till", "Rule", "shop.pricing", "internal_module"),
        ("shop.till", "price_of", "shop", "internal_module"),
        ("shop.till", "pricing", "shop.pricing", "internal_submodule"),
        ("shop.till", "shop.pricing", "shop.pricing", "internal_module"),
        ("shop.till", "shop.pricing as p", "shop.pricing", "internal_module"),
    ]


def test_imports_lead_to_definitions_also_through_a_module_that_hands_them_on(graph: Graph) -> None:
    query = "select src, def_fqn, method, n_hops from rel_import_def join defs on def_id = dst"
    assert graph.texts(query) == [
        ("shop", "price as price_of", "shop.pricing.price", "direct", 0),
        ("shop.till", "Rule", "shop.pricing.Rule", "direct", 0),
        ("shop.till", "price_of", "shop.pricing.price", "reexport", 1),
    ]


def test_classes_lead_to_their_bases(graph: Graph) -> None:
    query = """
        select c.def_fqn, b.def_fqn, method
        from rel_class_base join defs as c on c.def_id = src join defs as b on b.def_id = dst order by all
    """
    assert graph.rows(query) == [
        ("shop.pricing.Half", "shop.pricing.Rule", "local_def"),
        ("shop.till.Own", "shop.pricing.Half", "module_attr"),
        ("shop.till.Own", "shop.pricing.Rule", "imported_def"),
    ]


def test_places_are_lines_and_columns_and_bytes(graph: Graph) -> None:
    query = """
        select node_kind, lineno, col, end_lineno, end_col, bstart, bend
        from cpg_spans join cpg_nodes using (node_id) join modules using (file_id)
        where module_fqn = 'shop.bytes' order by bstart, bend desc
    """
    assert graph.rows(query) == [
        ("MODULE", 1, 0, 3, 10, 0, 32),
        ("DEF", 2, 0, 3, 10, 11, 32),
        ("CALL", 3, 4, 3, 10, 26, 32),
        ("REF", 3, 4, 3, 8, 26, 30),
    ]
    assert SOURCES["src/shop/bytes.py"][26:30].decode() == "öö"


def test_each_table_gives_its_kind_of_nodes_and_each_relation_its_kind_of_edges(graph: Graph) -> None:
    assert graph.rows("select node_kind, count(*) from cpg_nodes group by all order by all") == [
        ("BINDING", 75),
        ("CALL", 16),
        ("DEF", 21),
        ("DIAG", 1),
        ("EXT_MODULE", 4),
        ("IMPORT", 11),
        ("MODULE", 7),
        ("REF", 44),
        ("SCOPE", 29),
    ]
    kinds = "select edge_kind, count(*), count(method), count(confidence) from cpg_edges group by all order by all"
    assert graph.rows(kinds) == [
        ("BINDING_RESOLVES_TO", 16, 16, 0),
        ("CALLS", 11, 11, 11),
        ("DEF_BINDS", 21, 0, 0),
        ("IMPORTS_DEF", 3, 3, 0),
        ("IMPORTS_MODULE", 11, 11, 0),
        ("IMPORT_BINDS", 11, 0, 0),
        ("INHERITS", 3, 3, 0),
        ("REF_BINDS", 44, 0, 0),
        ("REF_TO_DEF", 8, 8, 0),
        ("SCOPE_PARENT", 23, 0, 0),
    ]


def test_a_file_that_does_not_parse_is_a_module_with_a_remark(graph: Graph) -> None:
    query = """
        select node_kind, lineno, bstart from cpg_nodes
        join modules using (file_id) left join cpg_spans using (node_id) where module_fqn = 'shop.broken' order by all
    """
    assert graph.rows(query) == [("DIAG", 1, 4), ("MODULE", 1, 0)]


def test_uses_of_definitions_are_counted(graph: Graph) -> None:
    query = (
        "select def_fqn, n_calls, n_refs, n_imports from rpt_def_usage where def_fqn like 'shop.pricing%' order by all"
    )
    assert graph.rows(query) == [
        ("shop.pricing.Half", 1, 1, 0),
        ("shop.pricing.Half.none", 0, 0, 0),
        ("shop.pricing.Rule", 0, 2, 1),
        ("shop.pricing.Rule.apply", 0, 0, 0),
        ("shop.pricing.Rule.made", 1, 0, 0),
        ("shop.pricing.Rule.scaled", 1, 0, 0),
        ("shop.pricing.price", 5, 1, 2),
    ]


def test_properties_stand_in_the_column_of_their_type(graph: Graph) -> None:
    query = """
        select prop_key, value_type, coalesce(value_string, value_int::varchar, value_bool::varchar)
        from cpg_props join defs on def_id = entity_id where def_fqn = 'shop.pricing.Rule.apply' order by all
    """
    assert graph.rows(query) == [
        ("arg_count", "int", "2"),
        ("decorator_count", "int", "0"),
        ("def_fqn", "string", "shop.pricing.Rule.apply"),
        ("has_docstring", "bool", "false"),
        ("kind", "string", "function"),
        ("name", "string", "apply"),
        ("qualname", "string", "Rule.apply"),
    ]
    of_edges = "select distinct prop_key, value_type, value_float from cpg_props join cpg_edges on edge_id = entity_id"
    assert graph.rows(of_edges + " where edge_kind = 'CALLS' order by all") == [
        ("confidence", "float", 0.495),
        ("confidence", "float", 0.97),
        ("confidence", "float", 0.99),
        ("method", "string", None),
    ]


#: A graph of a definition with its binding, and how to break it, by the check that has to see it.
SOUND = """
    create table cpg_nodes as from (values ('d', 'DEF'), ('b', 'BINDING')) as t(node_id, node_kind);
    create table cpg_edges as
        from (values ('e', 'DEF_BINDS', 'd', 'b')) as t(edge_id, edge_kind, src_node_id, dst_node_id);
    create table cpg_props as from (values ('d'), ('e')) as t(entity_id);
    create table cpg_spans as from (values ('d')) as t(node_id);
"""
BREAKS = {
    "node_id_is_unique": "insert into cpg_nodes values ('b', 'BINDING')",
    "edge_id_is_unique": "insert into cpg_edges values ('e', 'DEF_BINDS', 'd', 'b')",
    "edge_source_is_a_node": "insert into cpg_edges values ('f', 'REF_BINDS', 'r', 'b')",
    "edge_target_is_a_node": "insert into cpg_edges values ('f', 'REF_BINDS', 'b', null)",
    "property_is_of_a_node_or_an_edge": "insert into cpg_props values ('f')",
    "span_is_of_a_node": "insert into cpg_spans values ('f')",
    "placed_node_has_a_span": "insert into cpg_nodes values ('c', 'CALL')",
    "definition_has_a_binding": "update cpg_edges set edge_kind = 'REF_BINDS'",
}


@contextmanager
def checked(*statements: str) -> Iterator[dict[str, int]]:
    with duckdb.connect() as connection:
        for statement in (SOUND, *statements):
            connection.execute(statement)
        declared(ROOT / "src/cpg")["cpg_integrity"](connection)
        yield dict(connection.execute("from cpg_integrity").fetchall())


@pytest.mark.parametrize("check", BREAKS)
def test_each_check_sees_what_breaks_it(check: str) -> None:
    with checked(BREAKS[check]) as violations:
        assert violations == {**dict.fromkeys(BREAKS, 0), check: 1}


def test_a_sound_graph_has_no_violations() -> None:
    with checked() as violations:
        assert violations == dict.fromkeys(BREAKS, 0)
