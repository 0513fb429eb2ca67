"""The projects that are measured, as data: what each is, in which sizes, and which steps it has."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench import steps
from tests.bench.edit import Subject
from tests.bench.example import Example
from tests.bench.forms import IBIS, IBIS_MANY, SQL, Form
from tests.bench.graph import Graph
from tests.bench.project import Node, chain, dag, fan
from tests.bench.scene import Drawn, Scene

_STARTS = (steps.COLD_COMPILE, steps.COLD_BUILD, steps.WARM_START)
_COMMANDS = (steps.STATUS, steps.BUILD_FILE, steps.CHECK_TASK)
_SAVES = ("touch", "comment", "leaf")
_CONES = ("cone 10", "cone 100", "root", "undo")
_BRANCH = ("branch switch", "branch back")
_GRAPH = ("touch", "digit in a body", "comment at the end", "comment at the top", "call added to a body")

ALL = (*_STARTS, *_SAVES, *_CONES, "cut off", "data file", *_BRANCH, *_COMMANDS, steps.IDLE)


@dataclass(frozen=True, slots=True)
class Workload:
    """One project in several sizes: `unit` is what a size counts; the first size is the quick one."""

    name: str
    about: str
    unit: str
    sizes: tuple[int, ...]
    steps: tuple[str, ...]
    subject: Callable[[Path, int], Subject]


def _drawn(draw: Callable[[int], tuple[Node, ...]], form: Form, place: Path, n_tasks: int) -> Subject:
    return Scene(place, Drawn(draw(n_tasks), form, 1000, 1, 1))


def _parts(place: Path, n_files: int) -> Subject:
    return Scene(place, Drawn(dag(10), SQL, n_files * 10, n_files, 1))


def _rows(place: Path, n_rows: int) -> Subject:
    # What gives many rows is faster on all cores, so there the floor has them all.
    return Scene(place, Drawn(chain(2, whole=True), SQL, n_rows, 1, os.cpu_count() or 1))


def _wide(n_columns: int) -> Callable[[Path, int], Subject]:
    return partial(_drawn, partial(dag, n_extra=n_columns - 3), SQL)


def _example(place: Path, _: int) -> Subject:
    return Example(place)


def _graph(tree: str) -> Callable[[Path, int], Subject]:
    return lambda place, _: Graph(tree, place)


WORKLOADS = (
    Workload(
        "sql",
        "Ten layers of SQL tasks; each joins one to three of the two layers above, and gives 50 rows of 3 columns.",
        "tasks",
        (100, 1_000, 10_000),
        ALL,
        partial(_drawn, dag, SQL),
    ),
    Workload(
        "ibis",
        "The same tasks in Ibis, each in a file of its own.",
        "tasks",
        (100, 1_000, 10_000),
        ALL,
        partial(_drawn, dag, IBIS),
    ),
    Workload(
        "ibis-many",
        "The same tasks in Ibis, a hundred in each file.",
        "tasks",
        (100, 1_000),
        ALL,
        partial(_drawn, dag, IBIS_MANY),
    ),
    Workload(
        "init",
        "The project that `init` writes: SQL and Ibis over 27,004 flights.",
        "tasks",
        (12,),
        (*_STARTS, *_SAVES, "helper", "data file", "undo", *_COMMANDS, steps.IDLE),
        _example,
    ),
    Workload(
        "code-graph",
        "The [code property graph](code-graph.md) of this repository's `src/relspec`.",
        "tasks",
        (29,),
        (*_STARTS, *_GRAPH, "used function renamed", steps.STATUS, steps.IDLE),
        _graph("own"),
    ),
    Workload(
        "fan-out",
        "One SQL task that reads the source, and all others read it.",
        "tasks",
        (100, 1_000),
        (*_STARTS, *_SAVES, "root", "cut off", *_BRANCH, steps.STATUS),
        partial(_drawn, fan, SQL),
    ),
    Workload(
        "chain",
        "SQL tasks, each of which reads the one before.",
        "tasks",
        (100, 1_000),
        (*_STARTS, *_SAVES, *_CONES, "cut off", steps.STATUS),
        partial(_drawn, chain, SQL),
    ),
    Workload(
        "part-files",
        "Ten SQL tasks; the source is many Parquet files of ten rows.",
        "files",
        (100, 1_000),
        (*_STARTS, *_SAVES, "root", "data file", "part added"),
        _parts,
    ),
    Workload(
        "30-columns",
        "As `sql`, and each task gives 30 columns.",
        "tasks",
        (100, 1_000),
        (*_STARTS, *_SAVES, *_CONES, "data file", steps.BUILD_FILE),
        _wide(30),
    ),
    Workload(
        "200-columns",
        "As `sql`, and each task gives 200 columns.",
        "tasks",
        (100,),
        (*_STARTS, *_SAVES, *_CONES, "data file", steps.BUILD_FILE),
        _wide(200),
    ),
    Workload(
        "rows",
        "Two SQL tasks, one after the other, each with as many rows as the source has. The floor has all cores.",
        "rows",
        (1_000, 1_000_000, 10_000_000),
        (*_STARTS, *_SAVES, "root", "data file"),
        _rows,
    ),
)
BY_NAME = {workload.name: workload for workload in WORKLOADS}
