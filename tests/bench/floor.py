"""The floor: one warm process with raw DuckDB, executing the same statements of a cone to Parquet, as durably."""

import os
import statistics
import time
from pathlib import Path

import duckdb
from tests.bench.project import Node, query


class Floor:
    """Raw DuckDB over a folder of Parquet files, one view a task."""

    def __init__(self, root: Path, nodes: tuple[Node, ...], source: Path) -> None:
        self._root = root
        self._nodes = {node.name: node for node in nodes}
        root.mkdir()
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute(f"create view base as select * from read_parquet('{source}')")
        for node in nodes:
            self._write(node.name, 0)
            self._connection.execute(
                f"create view {node.name} as select * from read_parquet('{root}/{node.name}.parquet')"
            )

    def rebuild_ms(self, names: tuple[str, ...], constant: int) -> float:
        """Execute a cone whose first task has another constant, sync every file, and give the time that it took."""
        started = time.perf_counter()
        for i, name in enumerate(names):
            self._write(name, constant if i == 0 else 0)
        for name in names:
            _sync(self._root / f"{name}.parquet")
        _sync(self._root)
        return (time.perf_counter() - started) * 1000

    def _write(self, name: str, constant: int) -> None:
        target = self._root / f"{name}.parquet"
        aside = target.with_suffix(".new")
        self._connection.execute(f"copy ({query(self._nodes[name], constant)}) to '{aside}' (format parquet)")
        aside.rename(target)


def measure(floor: Floor, names: tuple[str, ...], rounds: int, manner: tuple[float, int]) -> float:
    """The median of some rebuilds of a cone, each after the same idle gap and with the same edits as the daemon's."""
    gap_s, step = manner
    times = []
    for i in range(rounds):
        time.sleep(gap_s)  # An idle gap is part of what is measured: caches and clocks cool down.
        times.append(floor.rebuild_ms(names, (i + 1) * step))
    return statistics.median(times)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
