"""The benchmark's project as each peer wants it: the same tasks, the same SQL, the same source file.

Only what stands for a table differs: dbt wants `ref`, SQLMesh a header, Hamilton functions whose arguments are tables.
The source is read where it lies, so that no tool has a task more than another one. Rendering touches no file.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.project import Node, query

#: The database of the tools that have one.
WAREHOUSE = "warehouse.duckdb"
_DBT_PROJECT = """name: bench
version: '1.0'
config-version: 2
profile: bench
models:
  bench:
    +materialized: table
"""
_DBT_PROFILES = f"""bench:
  target: dev
  outputs:
    dev:
      type: duckdb
      path: {WAREHOUSE}
      threads: {{cores}}
"""
_SQLMESH_CONFIG = f"""gateways:
  local:
    connection:
      type: duckdb
      database: {WAREHOUSE}
default_gateway: local
model_defaults:
  dialect: duckdb
  start: 2024-01-01
"""
_HAMILTON_HEAD = "import pyarrow as pa\nfrom session import session\n"
_HAMILTON_TASK = '''

def {name}({arguments}) -> pa.Table:
{comment}    return session.sql("""
{sql}""").to_arrow_table()
'''


@dataclass(frozen=True, slots=True)
class Edited:
    """What the edits so far have made of the project: constants and comments of the tasks that were edited."""

    constants: Mapping[str, int]
    comments: Mapping[str, str]

    def moved(self, name: str, constant: int) -> "Edited":
        """Give a task another constant; every other edit stays."""
        return replace(self, constants={**self.constants, name: constant})

    def remarked(self, name: str, comment: str) -> "Edited":
        """Give a task another comment; every other edit stays."""
        return replace(self, comments={**self.comments, name: comment})


@dataclass(frozen=True, slots=True)
class Rendering:
    """One state of the project: its tasks, the source that they read, and the edits so far."""

    nodes: tuple[Node, ...]
    source: Path
    edited: Edited

    def sql(self, node: Node, table: Callable[[str], str] = str) -> str:
        """Write the SQL of one task; `table` gives what stands for a task that it reads."""
        spelled = Node(node.name, tuple(table(name) for name in node.upstream))
        text = query(spelled, self.edited.constants.get(node.name, 0))
        return text.replace("\nfrom base\n", f"\nfrom read_parquet('{self.source}')\n")

    def comment(self, node: Node, sign: str) -> str:
        """Write the comment line of one task, if an edit gave it one."""
        comment = self.edited.comments.get(node.name)
        return "" if comment is None else f"{sign} {comment}\n"


def dbt(project: Rendering, cores: int) -> dict[str, str]:
    """Render for dbt: one file a model, all of them tables."""
    models = {
        f"models/{node.name}.sql": project.comment(node, "--") + project.sql(node, "{{{{ ref('{}') }}}}".format)
        for node in project.nodes
    }
    return {"dbt_project.yml": _DBT_PROJECT, "profiles.yml": _DBT_PROFILES.format(cores=cores), **models}


def sqlmesh(project: Rendering) -> dict[str, str]:
    """Render for SQLMesh: one file a model, each rebuilt in full."""
    models = {
        f"models/{node.name}.sql": f"MODEL (name {node.name}, kind FULL);\n\n"
        + project.comment(node, "--")
        + project.sql(node)
        for node in project.nodes
    }
    return {"config.yaml": _SQLMESH_CONFIG, **models}


def hamilton(project: Rendering) -> dict[str, str]:
    """Render for Hamilton: one module of functions, in which DuckDB finds the arguments as tables by their names."""
    return {"tables.py": _HAMILTON_HEAD + "".join(_functions(project))}


def _functions(project: Rendering) -> Iterator[str]:
    for node in project.nodes:
        yield _HAMILTON_TASK.format(
            name=node.name,
            arguments=", ".join(f"{name}: pa.Table" for name in node.upstream),
            comment=project.comment(node, "    #"),
            sql=project.sql(node),
        )
