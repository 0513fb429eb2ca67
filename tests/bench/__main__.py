"""Measures save-to-published, and the floor in the same run.

    python -m tests.bench --tasks 100 1000 --rounds 15

A save is a rename; published is when the daemon says that all is ready, which it does after every file was switched.
Figures: median and 99th percentile of the wall time, CPU of the daemon with all its children, peak memory of them all,
and the ratio to raw DuckDB executing the same statements. Compare ratios: milliseconds are those of one machine.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.daemon import Daemon, status_ms
from tests.bench.floor import Floor, measure
from tests.bench.project import cone, dag, query, save, targets, write_data, write_project

#: Idle time before each save, for the daemon and for the floor alike.
GAP_S = 0.08
#: An edit moves the values by so much that no rounding below it hides the move.
STEP = 10**9


@dataclass(frozen=True, slots=True)
class Figures:
    """What one step cost: wall times and CPU in milliseconds, and the floor where there is one."""

    step: str
    walls: list[float]
    cpus: list[float]
    executed: int
    floor: float | None

    def line(self) -> str:
        """One row of the table."""
        p50, p99 = (
            statistics.median(self.walls),
            sorted(self.walls)[min(len(self.walls) - 1, int(0.99 * len(self.walls)))],
        )
        cpu = statistics.median(self.cpus)
        ratio = "" if self.floor is None else f"{self.floor:9.1f} {p50 / self.floor:7.2f}"
        return f"{self.step:<12}{p50:9.1f}{p99:9.1f}{cpu:9.1f}{self.executed:10d}{ratio}"


def bench(n_tasks: int, rounds: int, place: Path) -> None:
    """Measure one size of project and print its table."""
    root, nodes = place / f"project{n_tasks}", dag(n_tasks)
    write_project(root, nodes)
    chosen = targets(nodes)
    by_name = {node.name: node for node in nodes}
    started = time.perf_counter()
    with Daemon(root) as daemon:
        print(f"\n{n_tasks} tasks: ready after a cold build of {time.perf_counter() - started:.1f} s")
        print(f"{'step':<12}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}{'executed':>10}{'floor ms':>9}{'ratio':>8}")
        floor = Floor(place / f"floor{n_tasks}", nodes, root / "data" / "base.parquet")
        leaf = root / "tasks" / f"{chosen['leaf']}.sql"
        text = leaf.read_text()
        steps: dict[str, Callable[[int], None]] = {
            "touch": lambda _: os.utime(leaf),
            "comment": lambda i: save(leaf, f"-- {i}\n{text}"),
            "data file": lambda i: write_data(root, i + 1),
        }
        for step, edit in steps.items():
            print(_measured(daemon, step, edit, rounds, None).line(), flush=True)
        for step, name in chosen.items():
            path, names = root / "tasks" / f"{name}.sql", cone(nodes, name)
            few = rounds if len(names) < 50 else max(3, rounds // 3)
            edits = lambda i, path=path, name=name: save(path, query(by_name[name], (i + 1) * STEP))  # noqa: E731
            below = measure(floor, names, few, (GAP_S, STEP))
            print(_measured(daemon, step, edits, few, below).line(), flush=True)
        print(f"{'status':<12}{statistics.median(status_ms(root) for _ in range(rounds)):9.1f}   (a whole process)")
        print(f"peak memory of the daemon and its children: {daemon.peak_mb:.0f} MB")


def _measured(daemon: Daemon, step: str, edit: Callable[[int], None], rounds: int, floor: float | None) -> Figures:
    walls, cpus, executed = [], [], 0
    for i in range(rounds):
        time.sleep(GAP_S)  # An idle gap is part of what is measured: caches and clocks cool down.
        cpu = daemon.cpu_ms()
        wall, executed = daemon.settled(lambda i=i: edit(i), silent=step == "touch")
        walls.append(wall)
        cpus.append(daemon.cpu_ms() - cpu)
    return Figures(step, walls, cpus, executed, floor)


def main() -> None:
    """Measure every size that was asked for."""
    parser = argparse.ArgumentParser(description="save-to-published, against raw DuckDB")
    parser.add_argument("--tasks", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="relspec-bench-"))
    try:
        for n_tasks in options.tasks:
            bench(n_tasks, options.rounds, place)
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
