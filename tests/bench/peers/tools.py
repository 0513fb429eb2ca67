"""The peers: how each renders the project, which command lines it is used with, and how its tables are read."""

import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
from tests.bench.peers.checking import Rows
from tests.bench.peers.environments import HERE, variables
from tests.bench.peers.rendering import WAREHOUSE, Rendering, dbt, hamilton, sqlmesh
from tests.bench.peers.usage import run

DRIVERS = HERE / "drivers"


@dataclass(frozen=True, slots=True)
class Commands:
    """The command lines of one tool, within its environment: to build what is not up to date, and to list."""

    build: Callable[[Path], list[str]]
    listing: list[str]


@dataclass(frozen=True, slots=True)
class Tool:
    """One peer.

    `tables` gives the rows of tables as another process sees them, of an environment and a project.
    `built` is called with the folder of the project after each build, outside of what is measured.
    """

    name: str
    distribution: str
    render: Callable[[Rendering], dict[str, str]]
    commands: Callable[[Path], Commands]
    tables: Callable[[Path, Path, Iterable[str]], dict[str, Rows]]
    built: Callable[[Path], None]

    def driver(self, environment: Path) -> list[str]:
        """The command that keeps the tool warm."""
        return [str(environment / "bin" / "python"), str(DRIVERS / f"warm_{self.name}.py")]


def _sqlmesh_commands(environment: Path) -> Commands:
    program = str(environment / "bin" / "sqlmesh")
    build = [program, "plan", "--auto-apply", "--no-prompts", "--skip-tests", "--no-diff"]
    return Commands(lambda _: build, [program, "diff", "prod"])


def _dbt_commands(environment: Path) -> Commands:
    program = [str(environment / "bin" / "dbt"), "--quiet", "--no-use-colors"]
    # A plain `dbt run` builds all: what differs from the last run has to be selected against what that run kept.
    since = ["--select", "state:modified+", "--state", "last"]
    return Commands(
        lambda root: [*program, "run", *(since if (root / "last").exists() else [])],
        [*program, "ls", *since],
    )


def _hamilton_commands(environment: Path) -> Commands:
    return Commands(lambda _: [*_hamilton(environment), "build"], [*_hamilton(environment), "list"])


def _hamilton(environment: Path) -> list[str]:
    return [str(environment / "bin" / "python"), str(DRIVERS / "hamilton_run.py")]


def _from_database(schema: str, _: Path, root: Path, names: Iterable[str]) -> dict[str, Rows]:
    with duckdb.connect(root / WAREHOUSE, read_only=True) as connection:
        return {name: connection.execute(f'select * from "{schema}".{name}').fetchall() for name in names}


def _from_cache(environment: Path, root: Path, names: Iterable[str]) -> dict[str, Rows]:
    _, printed = run([*_hamilton(environment), "show", *names], root, variables())
    shown: dict[str, Rows] = json.loads(printed.splitlines()[-1])["tables"]
    return shown


def _keep_manifest(root: Path) -> None:
    (root / "last").mkdir(exist_ok=True)
    shutil.copyfile(root / "target" / "manifest.json", root / "last" / "manifest.json")


def _nothing(_: Path) -> None:
    """SQLMesh and Hamilton keep what they need by themselves."""


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("sqlmesh", "sqlmesh", sqlmesh, _sqlmesh_commands, partial(_from_database, "default"), _nothing),
        Tool(
            "dbt",
            "dbt-core",
            partial(dbt, cores=os.cpu_count() or 1),
            _dbt_commands,
            partial(_from_database, "main"),
            _keep_manifest,
        ),
        Tool("hamilton", "apache-hamilton", hamilton, _hamilton_commands, _from_cache, _nothing),
    )
}
