"""Measures peers on the project of the benchmark: SQLMesh, dbt with DuckDB, and Hamilton with its cache.

    python -m tests.bench.peers --tools sqlmesh dbt hamilton --tasks 100 1000 --rounds 3

Each is measured from the command line, a process for each edit, and kept warm in one process, which is the fair
comparison for a daemon. Environments with pinned versions are made when they are first asked for. The data file is
never edited: none of the peers looks at it. Peer: median wall time and CPU, and the most memory of all processes
together. Compare ratios: milliseconds are those of one machine.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from tests.bench.peers.environments import FOLDER, environment, pins
from tests.bench.peers.measuring import MANNERS, Peer, Subject, measure
from tests.bench.peers.results import HEAD, line, record
from tests.bench.peers.tools import TOOLS


def figures(name: str, n_tasks: int, options: argparse.Namespace) -> Iterator[Peer]:
    """Measure one tool over one size of project, in both manners."""
    at, version = environment(name, options.environments), pins(name)[TOOLS[name].distribution]
    for manner in MANNERS:
        subject = Subject(TOOLS[name], version, at, manner, n_tasks)
        with tempfile.TemporaryDirectory(prefix="relspec-peers-") as folder:
            yield from measure(subject, options.rounds, Path(folder) / "project")


def main() -> None:
    """Measure what is asked for, one tool at a time; print each row as it comes."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description="what peers take for an edit")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS), help="which of them (all)")
    parser.add_argument("--tasks", type=int, nargs="+", default=[100, 1000], metavar="N", help="sizes (100 1000)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each edit is made (3)")
    parser.add_argument("--environments", type=Path, default=FOLDER, metavar="DIR", help=f"where they are ({FOLDER})")
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/performance.json")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n{HEAD}", flush=True)
    for name, n_tasks in product(options.tools, options.tasks):
        found = []
        for row in figures(name, n_tasks, options):
            print(line(row), flush=True)
            found.append(row)
        print(f"load {os.getloadavg()[0]:.1f}", flush=True)
        if options.record:
            record(found)


if __name__ == "__main__":
    main()
