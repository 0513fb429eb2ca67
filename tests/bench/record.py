"""What was measured, kept in `docs/performance.json`: rows by workload and size, with the machine that they are of."""

import json
import os
import platform
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import msgspec
from tests.bench.figures import Row

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "docs" / "performance.json"


@dataclass(frozen=True, slots=True)
class Machine:
    """Where figures come from, versions included; times of different ones are not compared."""

    cores: int
    cpu: str
    python: str
    duckdb: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One workload in one size, `n` of what its unit counts."""

    workload: str
    n: int
    unit: str
    machine: Machine
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another tool on the layered project in SQL: medians of wall time and CPU, and the most memory of all processes.

    `manner` is `command line` or `warm`.
    """

    tool: str
    version: str
    manner: str
    n_tasks: int
    step: str
    wall_ms: float
    cpu_ms: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Stage:
    """The part of a step that one stage of the daemon takes."""

    workload: str
    n_tasks: int
    step: str
    stage: str
    ms: float


@dataclass(frozen=True, slots=True)
class Book:
    """All that is kept."""

    measured: tuple[Entry, ...]
    peers: tuple[Peer, ...]
    breakdown: tuple[Stage, ...]

    def row(self, workload: str, n: int, step: str) -> Row | None:
        """The figures of a step."""
        return next((row for row in self.rows(workload, n) if row.step == step), None)

    def rows(self, workload: str, n: int) -> tuple[Row, ...]:
        """The figures of all steps of a workload in one size."""
        return next((entry.rows for entry in self.measured if (entry.workload, entry.n) == (workload, n)), ())


def machine() -> Machine:
    """The facts about this machine."""
    return Machine(os.cpu_count() or 1, _cpu(), platform.python_version(), duckdb.__version__)


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def merged(book: Book, entry: Entry) -> Book:
    """Put the rows of an entry in place of the earlier ones of the same steps.

    Where they are of another machine, nothing earlier of that workload and size stays.
    """
    known = next((e for e in book.measured if (e.workload, e.n) == (entry.workload, entry.n)), None)
    if known is not None and known.machine == entry.machine:
        entry = replace(entry, rows=_together(known.rows, entry.rows))
    rest = [e for e in book.measured if (e.workload, e.n) != (entry.workload, entry.n)]
    return replace(book, measured=tuple(sorted([*rest, entry], key=lambda e: (e.workload, e.n))))


def _together(earlier: tuple[Row, ...], later: tuple[Row, ...]) -> tuple[Row, ...]:
    rows = {row.step: row for row in earlier} | {row.step: row for row in later}
    return tuple(rows[step] for step in sorted(rows))


def read() -> Book:
    """What is kept; an empty book where there is nothing."""
    return msgspec.json.decode(FIGURES.read_bytes(), type=Book) if FIGURES.exists() else Book((), (), ())


def write(book: Book) -> None:
    """Keep it."""
    FIGURES.write_text(json.dumps(msgspec.to_builtins(book), indent=1) + "\n")
