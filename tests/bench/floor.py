"""The floor: one warm process with raw DuckDB, executing the same statements to Parquet, as durably.

Durable means what it means for objects: each file is written aside and renamed, then each is fsynced, many beside each
other, then their folder. What the daemon makes durable besides, the commit and the file of views, is no work of
DuckDB's and not part of the floor. Nothing of a file is kept in memory, for the same reason as in the engines: a
replaced file would be taken for the one before.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb

from relspec.core.layout import Layout

_SYNCS_AT_ONCE = 16
_DIGEST = "select count(*), sum(hash(t)::hugeint) from read_parquet('{}') t"


@dataclass(frozen=True, slots=True)
class Taken:
    """Milliseconds of wall time and of CPU."""

    wall_ms: float
    cpu_ms: float


class Floor:
    """Raw DuckDB over a folder of Parquet files, a view for each task."""

    def __init__(self, root: Path, source: str, statements: Mapping[str, str], threads: int) -> None:
        self._root = root
        self._source = source
        root.mkdir()
        self._connection = duckdb.connect(config={"threads": threads, "enable_external_file_cache": "false"})
        self._connection.execute(f"create view base as select * from read_parquet('{source}')")
        for name, statement in statements.items():
            self._write(name, statement)
            self._connection.execute(f"create view {name} as select * from read_parquet('{root}/{name}.parquet')")

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def execute(self, statements: Mapping[str, str]) -> None:
        """Execute statements in their order, and make what they give durable."""
        for name, statement in statements.items():
            self._write(name, statement)
        _sync_all(self._root / f"{name}.parquet" for name in statements)
        _sync(self._root)

    def read(self, columns: Iterable[str]) -> None:
        """Read columns of the source once."""
        listed = ", ".join(f"max({column})" for column in columns)
        self._connection.execute(f"select {listed} from read_parquet('{self._source}')").fetchall()

    def same(self, name: str, root: Path) -> bool:
        """Whether the table that a project published has the rows of the floor's."""
        published = Layout(root).tables / f"{name}.parquet"
        ours, theirs = (
            self._connection.execute(_DIGEST.format(path)).fetchall()
            for path in (self._root / f"{name}.parquet", published)
        )
        return ours == theirs

    def _write(self, name: str, statement: str) -> None:
        target = self._root / f"{name}.parquet"
        aside = target.with_suffix(".new")
        self._connection.execute(f"copy ({statement}) to '{aside}' (format parquet, compression zstd)")
        aside.rename(target)


def measured(work: Callable[[], object]) -> Taken:
    """What a piece of work takes in this process."""
    cpu, started = time.process_time_ns(), time.perf_counter()
    work()
    wall = (time.perf_counter() - started) * 1000
    return Taken(wall, (time.process_time_ns() - cpu) / 1e6)


def _sync_all(paths: Iterable[Path]) -> None:
    found = list(paths)
    if len(found) <= _SYNCS_AT_ONCE:
        for path in found:
            _sync(path)
        return
    with ThreadPoolExecutor(_SYNCS_AT_ONCE) as pool:
        list(pool.map(_sync, found))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
