"""The peers: how each renders the project, which command lines it is used with, and where it shows its tables."""

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench.peers.environments import HERE
from tests.bench.peers.rendering import Rendering, dbt, hamilton, sqlmesh

DRIVERS = HERE / "drivers"


@dataclass(frozen=True, slots=True)
class Commands:
    """The command lines of one tool, within its environment: to build what is not up to date, and to list."""

    build: Callable[[Path], list[str]]
    listing: list[str]


@dataclass(frozen=True, slots=True)
class Tool:
    """One peer.

    `schema` is where its tables are found in its database; without one it shows them itself.
    `built` is called with the folder of the project after each build, outside of what is measured.
    """

    name: str
    distribution: str
    schema: str | None
    render: Callable[[Rendering], dict[str, str]]
    commands: Callable[[Path], Commands]
    built: Callable[[Path], None]

    def driver(self, environment: Path) -> list[str]:
        """The command that keeps the tool warm."""
        return [str(environment / "bin" / "python"), str(DRIVERS / f"warm_{self.name}.py")]

    def show(self, environment: Path, names: Iterable[str]) -> list[str]:
        """The command by which a tool without a database shows tables."""
        return [*_hamilton(environment), "show", *names]


def _sqlmesh_commands(environment: Path) -> Commands:
    sqlmesh = str(environment / "bin" / "sqlmesh")
    build = [sqlmesh, "plan", "--auto-apply", "--no-prompts", "--skip-tests", "--no-diff"]
    return Commands(lambda _: build, [sqlmesh, "diff", "prod"])


def _dbt_commands(environment: Path) -> Commands:
    dbt = [str(environment / "bin" / "dbt"), "--quiet", "--no-use-colors"]
    # A plain `dbt run` builds all: what differs from the last run has to be selected against what that run kept.
    since = ["--select", "state:modified+", "--state", "last"]
    return Commands(
        lambda root: [*dbt, "run", *(since if (root / "last").exists() else [])],
        [*dbt, "ls", *since],
    )


def _hamilton_commands(environment: Path) -> Commands:
    return Commands(lambda _: [*_hamilton(environment), "build"], [*_hamilton(environment), "list"])


def _hamilton(environment: Path) -> list[str]:
    return [str(environment / "bin" / "python"), str(DRIVERS / "hamilton_run.py")]


def _keep_manifest(root: Path) -> None:
    (root / "last").mkdir(exist_ok=True)
    shutil.copyfile(root / "target" / "manifest.json", root / "last" / "manifest.json")


def _nothing(_: Path) -> None:
    """SQLMesh and Hamilton keep what they need by themselves."""


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("sqlmesh", "sqlmesh", "default", sqlmesh, _sqlmesh_commands, _nothing),
        Tool("dbt", "dbt-core", "main", partial(dbt, cores=os.cpu_count() or 1), _dbt_commands, _keep_manifest),
        Tool("hamilton", "apache-hamilton", None, hamilton, _hamilton_commands, _nothing),
    )
}
