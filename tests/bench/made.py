"""Figures that are made up, for tests."""

from tests.bench.figures import Row
from tests.bench.record import Entry, Machine, Peer, Stage

MACHINE = Machine(2, "Some CPU", "3.11.7", "1.5.6")


def row(step: str, wall_ms: float, floor_ms: float | None = None, cpu_ms: float = 7.0, on: str = "2026-01-02") -> Row:
    """One row."""
    return Row(step, on, 15, 1, wall_ms, 2 * wall_ms, cpu_ms, 80.0, floor_ms, floor_ms)


def entry(workload: str, n: int, *rows: Row, machine: Machine = MACHINE) -> Entry:
    """One size of a workload."""
    return Entry(workload, n, "tasks", machine, rows)


PEER = Peer("dbt", "1.11.16", "warm", 1_000, "leaf", 2_200.0, 2_100.0, 310.0)
STAGE = Stage("sql", 1_000, "leaf", "compile", 1.25)
