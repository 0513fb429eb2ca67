"""The repository's own tasks, over a small tree with every case and over the real source."""

import sys
from typing import Any

import duckdb
import pytest
from tests.cpg.tree import ROOT, graph_by_hand

TREE = {
    "src/app/__init__.py": b"from .core import plan\nfrom .core.plan import Plan as P\n",
    "src/app/core/__init__.py": b"",
    "src/app/core/plan.py": b"import os.path\nfrom numpy import *\n\nclass Plan:\n    def run(self):\n        pass\n",
    "src/app/ui/__init__.py": b"",
    "src/app/ui/page.py": (
        b"from .. import core\nfrom ..core import plan\nfrom . import missing\nimport app.core.plan as p\n\n"
        b"def show():\n    def inner(): pass\n\ndef hide(): pass\n\nasync def wait():\n    # TODO: wait\n    pass\n\n"
        b"def last():\n    pass\n"
    ),
    "src/app/broken.py": b"def (:\n",
}


@pytest.fixture(scope="module")
def small() -> duckdb.DuckDBPyConnection:
    return graph_by_hand(TREE).tables


@pytest.fixture(scope="module")
def real() -> duckdb.DuckDBPyConnection:
    return graph_by_hand(
        {p.relative_to(ROOT).as_posix(): p.read_bytes() for p in sorted((ROOT / "src").rglob("*.py"))}
    ).tables


def rows(tables: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return tables.execute(query).fetchall()


def test_each_file_is_a_module(small: duckdb.DuckDBPyConnection) -> None:
    assert rows(small, "select module_fqn, package_fqn, is_init from modules order by all") == [
        ("app", "app", True),
        ("app.broken", "app", False),
        ("app.core", "app.core", True),
        ("app.core.plan", "app.core", False),
        ("app.ui", "app.ui", True),
        ("app.ui.page", "app.ui", False),
    ]


def test_definitions_have_dotted_names(small: duckdb.DuckDBPyConnection) -> None:
    assert rows(small, "select def_fqn, qualname, kind from defs order by all") == [
        ("app.core.plan.Plan", "Plan", "class"),
        ("app.core.plan.Plan.run", "Plan.run", "function"),
        ("app.ui.page.hide", "hide", "function"),
        ("app.ui.page.last", "last", "function"),
        ("app.ui.page.show", "show", "function"),
        ("app.ui.page.show.inner", "show.inner", "function"),
        ("app.ui.page.wait", "wait", "async_function"),
    ]


def test_a_definition_opens_the_scope_of_those_within(small: duckdb.DuckDBPyConnection) -> None:
    within = "select i.name from defs as o join defs as i on i.scope_id = o.body_scope_id order by all"
    assert rows(small, within) == [("inner",), ("run",)]


def test_relative_imports_are_resolved_and_led_to_their_modules(small: duckdb.DuckDBPyConnection) -> None:
    query = """
        select m.module_fqn, i.abs_module, i.name, i.bound_name, t.module_fqn, r.method
        from imports as i
        join rel_import_module as r on r.src = i.import_id
        join modules as m on m.file_id = i.file_id
        left join modules as t on t.module_id = r.dst
        order by all
    """
    assert rows(small, query) == [
        ("app", "app.core", "plan", "plan", "app.core.plan", "internal_submodule"),
        ("app", "app.core.plan", "Plan", "P", "app.core.plan", "internal_module"),
        ("app.core.plan", "numpy", "*", None, None, "unresolved"),
        ("app.core.plan", "os.path", None, "os", None, "stdlib"),
        ("app.ui.page", "app", "core", "core", "app.core", "internal_submodule"),
        ("app.ui.page", "app.core", "plan", "plan", "app.core.plan", "internal_submodule"),
        ("app.ui.page", "app.core.plan", None, "p", "app.core.plan", "internal_module"),
        ("app.ui.page", "app.ui", "missing", "missing", "app.ui", "internal_module"),
    ]


def test_remarks_are_as_severe_as_the_rules_say(small: duckdb.DuckDBPyConnection) -> None:
    assert rows(small, "select code, severity, message from diags order by all") == [
        ("syntax-error", "error", "invalid syntax"),
        ("todo-comment", "note", "TODO: wait"),
    ]


def test_a_name_that_is_a_module_counts_for_that_module(small: duckdb.DuckDBPyConnection) -> None:
    assert rows(small, "from rpt_module_deps where module_fqn = 'app.ui.page'") == [
        ("app.ui.page", "app.core", "internal_submodule", 1),
        ("app.ui.page", "app.core.plan", "internal_module", 1),
        ("app.ui.page", "app.core.plan", "internal_submodule", 1),
        ("app.ui.page", "app.ui", "internal_module", 1),
    ]


def test_imports_between_layers_are_counted(small: duckdb.DuckDBPyConnection) -> None:
    assert rows(small, "from rpt_layers") == [
        ("app", "", "core", 1, 2),
        ("app", "ui", "core", 1, 3),
        ("app", "ui", "ui", 1, 1),
    ]


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("modules", "module_id"),
        ("defs", "def_id"),
        ("defs", "body_scope_id"),
        ("imports", "import_id"),
        ("rel_import_module", "src"),
        ("diags", "diag_id"),
    ],
)
def test_ids_are_unique_in_the_real_source(real: duckdb.DuckDBPyConnection, table: str, key: str) -> None:
    ((n_rows, n_keys),) = rows(real, f"select count(*), count(distinct {key}) from {table}")
    assert n_rows == n_keys
    assert table == "diags" or n_rows > 50


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters came with Python 3.12")
def test_type_parameters_are_no_part_of_names_and_hide_no_base() -> None:
    source = b"""
class Box[T]:
    def put[U](self, x: U): return self.__got()
    def __got(self): ...

class Lid[T](Box): ...
"""
    found = graph_by_hand({"src/m.py": source}).tables
    assert rows(found, "select def_fqn, bound_name, is_module_level from defs order by all") == [
        ("m.Box", "Box", True),
        ("m.Box.__got", "_Box__got", False),
        ("m.Box.put", "put", False),
        ("m.Lid", "Lid", True),
    ]
    led = """
        select sub.def_fqn, base.def_fqn
        from rel_class_base join defs as sub on sub.def_id = src join defs as base on base.def_id = dst
    """
    assert rows(found, led) == [("m.Lid", "m.Box")]
    assert rows(found, "select method, def_fqn from rel_call_callee join defs on def_id = dst") == [
        ("self_method", "m.Box.__got"),
    ]
    assert rows(found, "from cpg_integrity where violations <> 0") == []


def test_the_graph_of_the_real_source_is_whole(real: duckdb.DuckDBPyConnection) -> None:
    assert rows(real, "from cpg_integrity where violations <> 0") == []
    assert rows(real, "select count(*) > 50_000 from cpg_edges") == [(True,)]


def test_the_real_source_parses_and_its_modules_find_each_other(real: duckdb.DuckDBPyConnection) -> None:
    assert rows(real, "select path from src_files where not parse_ok") == []
    lost = (
        "select distinct abs_module from rel_import_module where method = 'unresolved' and abs_module like 'relspec%'"
    )
    assert rows(real, lost) == []


def test_the_real_layers_hold(real: duckdb.DuckDBPyConnection) -> None:
    found = set(rows(real, "select importer, imported from rpt_layers where package = 'relspec'"))
    allowed = {"core": {"core"}, "edges": {"core", "edges", "authoring"}, "app": {"app", "core", "edges"}}
    wrong = {(a, b) for a, b in found if a in allowed and b not in allowed[a]}
    assert ("app", "core") in found
    assert wrong == set()
