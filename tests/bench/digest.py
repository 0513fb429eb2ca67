"""Measures the digest of a table against reading the same columns in plain DuckDB, in one run.

    python -m tests.bench.digest --rows 1000000 --rounds 7

Eight columns: numbers, floats, a code, a long text that repeats and one that does not, a date, a flag, a timestamp.
Reading is an aggregate over every column. Compare ratios: milliseconds are those of one machine.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from relspec.core.schema import Column
from relspec.edges.engine.bags import bags_of
from relspec.edges.engine.connection import open_connection
from relspec.edges.engine.execute import write_parquet
from relspec.edges.engine.sql import read_parquet

QUERY = """
    SELECT i AS number, i % 1000 AS store, (i * 17 % 100000) / 100.0::DOUBLE AS amount, 'c' || i % 5000 AS code,
        'customer number ' || i % 5000 AS name, 'order-2026-' || lpad(i::VARCHAR, 9, '0') AS note,
        DATE '2020-01-01' + (i % 1000)::INTEGER AS day, TIMESTAMP '2020-01-01' + to_seconds(i) AS at
    FROM range({}) t(i)
"""


def bench(n_rows: int, rounds: int, place: Path) -> None:
    """Print the cost of reading, and of each set of columns as a multiple of it."""
    connection = open_connection(2048, "UTC", str(place / "spill"))
    path = str(place / "table.parquet")
    write_parquet(connection, QUERY.format(n_rows), path)
    source = read_parquet([path])
    columns = tuple(Column(row[0], row[1]) for row in connection.execute(f"DESCRIBE FROM {source}").fetchall())
    short = tuple(c for c in columns if c.name not in ("name", "note"))
    print(f"{n_rows} rows, {len(columns)} columns, medians of {rounds}, one thread")
    print(f"{'columns':<34}{'read ms':>9}{'digest ms':>11}{'ratio':>7}")
    for what, sets in {
        "all": [columns],
        "all but the long texts": [short],
        "the long text without repeats": [(columns[5],)],
        "all, and each alone, in one scan": [columns, *((c,) for c in columns)],
    }.items():
        read = _median(rounds, lambda s=sets: _read(connection, source, s[0]))
        digest = _median(rounds, lambda s=sets: bags_of(connection, source, s))
        print(f"{what:<34}{read:9.0f}{digest:11.0f}{digest / read:7.2f}", flush=True)
    connection.close()


def _read(connection: duckdb.DuckDBPyConnection, source: str, columns: tuple[Column, ...]) -> None:
    listed = ", ".join(f'max("{c.name}")' for c in columns)
    connection.execute(f"SELECT {listed} FROM {source}").fetchall()


def _median(rounds: int, work: Callable[[], object]) -> float:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def main() -> None:
    """Measure one table."""
    parser = argparse.ArgumentParser(description="digest of a table, against reading it")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="relspec-bench-") as place:
        bench(options.rows, options.rounds, Path(place))


if __name__ == "__main__":
    main()
