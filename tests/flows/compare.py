"""Exported modules, run by Hamilton, and what they are compared with."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pyarrow as pa
from hamilton import driver

from relspec.core.schema import Column
from relspec.edges.engine.bags import bags_of
from relspec.edges.engine.sql import selection

Edges = set[tuple[str, str]]


def imported(path: Path) -> ModuleType:
    """Import a module under a name of its own, which Hamilton wants to find it by."""
    name = f"exported_{abs(hash(path))}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def driver_of(module: ModuleType) -> driver.Driver:
    return driver.Builder().with_modules(module).build()


def graph_of(module: ModuleType) -> tuple[set[str], set[str], Edges]:
    """The graph of a driver by names of datasets: what is made, what is given, and the edges between them."""
    variables = driver_of(module).list_available_variables()
    datasets = {name: dataset for name, (dataset, _) in module.FLOW.sources.items()}
    datasets |= {v.name: str(v.tags["dataset"]) for v in variables if not v.is_external_input}
    made = {datasets[v.name] for v in variables if not v.is_external_input}
    given = {datasets[v.name] for v in variables if v.is_external_input}
    edges = {(datasets[d], datasets[v.name]) for v in variables for d in v.required_dependencies}
    assert not any(v.optional_dependencies for v in variables)
    return made, given, edges


def task_graph(document: dict[str, Any]) -> tuple[set[str], set[str], Edges]:
    """The same of the TaskGraph, in which a task stands between what it requires and what it produces."""
    names = {node["id"]: node["name"] for node in document["nodes"]}
    output = {e["source"]: names[e["target"]] for e in document["edges"] if e["kind"] == "produces"}
    edges = {(names[e["source"]], output[e["target"]]) for e in document["edges"] if e["kind"] == "requires"}
    evidence = {node["name"] for node in document["nodes"] if node["kind"] == "evidence"}
    return set(output.values()), evidence - set(output.values()), edges


def executed(module: ModuleType, inputs: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """Every table of the flow, by the name of its dataset."""
    variables = [v for v in driver_of(module).list_available_variables() if not v.is_external_input]
    tables = driver_of(module).execute([v.name for v in variables], inputs=inputs)
    return {str(v.tags["dataset"]): tables[v.name] for v in variables}


def differing(root: Path, tables: dict[str, pa.Table]) -> list[str]:
    """The tables that are not what readers of the project see: by the tool's own digest, and row by row."""
    with duckdb.connect(root / "state" / "relspec.duckdb", read_only=True) as connection:
        return [name for name, table in tables.items() if not _same(connection, name, table)]


def _same(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> bool:
    stored = connection.sql(f'select * from "{name}"')
    columns = [Column(n, str(t)) for n, t in zip(stored.columns, stored.types, strict=True)]
    connection.register("given", table)
    given = f"({selection(columns, 'given')})"
    one, other = f'from "{name}" except all {given}', f'{given} except all from "{name}"'
    (differences,) = connection.execute(f"select count(*) from (({one}) union all ({other}))").fetchall()[0]
    digests = [bags_of(connection, relation, [columns]) for relation in (f'"{name}"', given)]
    return table.column_names == stored.columns and differences == 0 and digests[0] == digests[1]
