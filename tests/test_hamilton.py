"""A module that was exported, run by Hamilton: the same graph, the same tables, and never an outdated plan.

Breaks that were tried and caught: a view that is left out of the parameters, a plan that is taken unseen, a failed
query that is in the way, a Python function that is found by half its name, and tables that Hamilton's cache cannot tell
apart.
"""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import duckdb
import pyarrow as pa
import pytest
from hamilton.caching import fingerprinting
from tests.app.conftest import Project
from tests.flows.compare import differing, driver_of, executed, graph_of, imported, task_graph

from relspec.core.errors import ConfigError, StalePlanError
from relspec.core.layout import Layout
from relspec.core.schema import Column
from relspec.edges.scaffold import create
from relspec.hamilton import Flow, _source


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The example with a daemon, and its module in a folder of its own."""
    made = Project(tmp_path_factory.mktemp("example") / "project")
    create(made.root)
    made.start()
    (made.root / "flows").mkdir()
    assert made.run("export", "hamilton", str(made.root / "flows" / "flow.py"))[0] == 0
    yield made
    made.stop()


@pytest.fixture(scope="module")
def flow(example: Project) -> ModuleType:
    return imported(example.root / "flows" / "flow.py")


def test_the_graph_of_the_driver_is_the_task_graph(example: Project, flow: ModuleType) -> None:
    document = example.run("graph")[1]
    assert graph_of(flow) == task_graph(document)
    assert len(graph_of(flow)[2]) == 25
    tags = {v.name: v.tags for v in driver_of(flow).list_available_variables()}["carrier_podium"]
    explained = example.run("explain", "carrier_podium")[1]
    assert {key: tags[key] for key in ("kind", "cache_policy", "fingerprint", "generation", "task", "source")} == {
        "kind": "materialization",
        "cache_policy": "persistent",
        "fingerprint": explained["fingerprint"],
        "generation": "3",
        "task": "carrier_podium",
        "source": "tasks/carrier_podium.sql:1",
    }


def test_executing_it_gives_the_tables_of_the_daemon(example: Project, flow: ModuleType) -> None:
    tables = executed(flow, flow.FLOW.inputs())
    assert len(tables) == 12
    assert differing(example.root, tables) == []
    wrong = tables["worst_routes"].slice(1)
    assert differing(example.root, tables | {"worst_routes": wrong}) == ["worst_routes"]


def test_a_plan_that_has_moved_is_refused_and_one_that_has_not_is_taken(example: Project, flow: ModuleType) -> None:
    path = "tasks/terms.py"
    before = (example.root / path).read_text()
    flow.FLOW.verify()
    example.save(path, f"# A comment.\n{before}")
    flow.FLOW.verify()
    example.save(path, before.replace("LATE_MINUTES = 15", "LATE_MINUTES = 30"))
    with pytest.raises(StalePlanError, match=f"this module is of plan {flow.FLOW.signature}, and .*; export it again"):
        flow.FLOW.inputs()
    example.save(path, "LATE_MINUTES = \n")
    with pytest.raises(StalePlanError, match="has problems, so it has no plan to compare: see `relspec-watch check`"):
        flow.FLOW.inputs()
    example.save(path, before)
    assert set(flow.FLOW.inputs(example.root)) == {"airlines", "airports", "flights", "planes", "weather"}


def test_a_query_that_fails_has_a_plan_and_is_exported(example: Project) -> None:
    example.save("tasks/failing.sql", "select (name || 'x')::integer as x from airlines\n")
    assert example.run("build")[1]["failed"] == ["failing"]
    code, document = example.run("export", "hamilton", "-")
    assert (code, len(document["functions"])) == (0, 13)
    (example.root / "tasks" / "failing.sql").unlink()


def test_a_module_without_its_project_says_so(flow: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a directory; name the project, or export the module again"):
        flow.FLOW.inputs(tmp_path / "nowhere")


def test_a_source_without_a_file_has_no_rows(tmp_path: Path) -> None:
    columns = (Column("a b", "UUID"), Column("c", "DECIMAL(4,1)"))
    with duckdb.connect() as connection:
        assert _source(connection, "nowhere", columns).schema == pa.schema(
            [("a b", pa.string()), ("c", pa.decimal128(4, 1))]
        )


def test_a_table_has_one_version_for_hamilton_however_it_is_chunked() -> None:
    table = pa.table({"a": [1, 2, 3], "b": ["x", None, "z"]})
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    versions = [fingerprinting.hash_value(t) for t in (table, chunked, table.slice(1), table.select(["b", "a"]))]
    assert versions[0] == versions[1]
    assert len({*versions}) == 3


def function_flow(root: Path) -> Flow:
    return Flow("", root, "UTC", 256, ["tasks"], {"t": {"x": "VARCHAR"}}, {})


def test_a_python_function_that_is_gone_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    root = Layout(tmp_path).root
    (root / "tasks").mkdir()
    functions = {"last_1a2b3c4d": ("tasks/words.py", ["VARCHAR"], "VARCHAR")}
    query = "select last_1a2b3c4d('a b') as x"
    with pytest.raises(ConfigError, match=r"words\.py is not there; name the project, or export the module again"):
        function_flow(root).query(query, reads={}, gives="t", functions=functions)
    other = "import ibis\n\n@ibis.udf.scalar.python\ndef la(text: str) -> str:\n    return text\n"
    (root / "tasks" / "words.py").write_text(other)
    with pytest.raises(ConfigError, match="has no function for last_1a2b3c4d; give it a name of its own and export"):
        function_flow(root).query(query, reads={}, gives="t", functions=functions)
    both = other.replace("def la(", "def Last(") + other.replace("import ibis\n", "").replace("def la(", "def last(")
    (root / "tasks" / "words.py").write_text(both)
    with pytest.raises(ConfigError, match="has several functions for last_1a2b3c4d"):
        function_flow(root).query(query, reads={}, gives="t", functions=functions)
    (root / "tasks" / "words.py").write_text(other.replace("def la(", "def Last(") + "alias = Last\n")
    assert function_flow(root).query(query, reads={}, gives="t", functions=functions).to_pylist() == [{"x": "a b"}]
