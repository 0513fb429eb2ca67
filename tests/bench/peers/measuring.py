"""Measures one peer over one project in one manner: each step some times, each answer checked.

After each build the tables at and below the edit have to be those that raw DuckDB gives for the project as it is then,
and at the end every table has to, so that no edit was lost and none was taken back.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.bench.peers.checking import differing
from tests.bench.peers.manners import CommandLine, Manner, Warm
from tests.bench.peers.project import Project
from tests.bench.peers.tools import Tool
from tests.bench.peers.usage import Usage
from tests.bench.record import Peer

#: Idle time before each edit. Python tells versions of a module apart by whole seconds, and so would take an old one.
GAP_S = 1.1
MANNERS: dict[str, Callable[[Tool, Path, Path], Manner]] = {"command line": CommandLine, "warm": Warm}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured: a tool of a version in its environment, the manner of using it, and the size of the project."""

    tool: Tool
    version: str
    environment: Path
    manner: str
    n_tasks: int

    def figures(self, step: str, usages: list[Usage]) -> Peer:
        """Make a row of what a step cost each time."""
        wall = statistics.median(usage.wall_ms for usage in usages)
        cpu = statistics.median(usage.cpu_ms for usage in usages)
        peak = max(usage.peak_mb for usage in usages)
        what = (self.tool.name, self.version, self.manner, self.n_tasks, step)
        return Peer(*what, round(wall, 1), round(cpu, 1), round(peak, 1))


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of edit, and the tables that are looked at after it."""

    name: str
    edit: Callable[[], None]
    looked_at: tuple[str, ...]


def steps(project: Project) -> list[Step]:
    """The steps after the cold build, in the order in which they are made."""
    leaf, middle = project.targets["leaf"], project.targets["cone 10"]
    return [
        Step("nothing to do", _leave, project.cone(middle)),
        Step("comment", lambda: project.remark(leaf), (leaf,)),
        Step("leaf", lambda: project.move(leaf), (leaf,)),
        Step("cone 10", lambda: project.move(middle), project.cone(middle)),
    ]


def _leave() -> None:
    """Edit nothing."""


def measure(subject: Subject, rounds: int, root: Path) -> Iterator[Peer]:
    """Give the figures of each step as soon as they are there; the cold build is measured once."""
    with (
        closing(Project(subject.tool, subject.n_tasks, root)) as project,
        MANNERS[subject.manner](subject.tool, subject.environment, root) as manner,
    ):
        cold = Step("cold build", _leave, project.names)
        yield subject.figures(cold.name, [_taken(project, manner, cold)])
        for step in steps(project):
            yield subject.figures(step.name, [_taken(project, manner, step) for _ in range(rounds)])
        if isinstance(manner, CommandLine):
            yield subject.figures("status", [manner.listing() for _ in range(rounds)])
        _check(project, manner, project.names)


def _taken(project: Project, manner: Manner, step: Step) -> Usage:
    time.sleep(GAP_S)
    step.edit()
    usage = manner.build()
    _check(project, manner, step.looked_at)
    return usage


def _check(project: Project, manner: Manner, names: tuple[str, ...]) -> None:
    wrong = differing(project.expected(names), manner.tables(names))
    if wrong:
        raise RuntimeError(f"{len(wrong)} tables are not up to date: {', '.join(wrong[:5])}")
