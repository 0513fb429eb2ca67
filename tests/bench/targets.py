"""How fast it has to be, as data: each target is a figure of one run, by itself or as a multiple of another one.

Milliseconds are those of one machine, multiples hold on any.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tests.bench import steps
from tests.bench.record import Book

Figure = Literal["wall_p50_ms", "cpu_ms", "peak_mb", "floor_ms"]


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure of a step."""

    workload: str
    n: int
    step: str
    figure: Figure

    def value(self, book: Book) -> float | None:
        """The figure, where it is known."""
        row = book.row(self.workload, self.n, self.step)
        found: float | None = None if row is None else getattr(row, self.figure)
        return found


@dataclass(frozen=True, slots=True)
class Most:
    """The most that a figure was in any step of a workload."""

    workload: str
    n: int
    figure: Figure

    def value(self, book: Book) -> float | None:
        """The figure, where it is known."""
        found = [getattr(row, self.figure) for row in book.rows(self.workload, self.n)]
        return max((each for each in found if each is not None), default=None)


@dataclass(frozen=True, slots=True)
class OfPeer:
    """The CPU that another tool takes for a step when it is kept warm."""

    tool: str
    n: int
    step: str

    def value(self, book: Book) -> float | None:
        """The figure, where it is known."""
        wanted = (self.tool, "warm", self.n, self.step)
        return next((p.cpu_ms for p in book.peers if (p.tool, p.manner, p.n_tasks, p.step) == wanted), None)


Quantity = Measured | Most | OfPeer


@dataclass(frozen=True, slots=True)
class Target:
    """A figure is at most so many of its unit, or at most so many times another one, which is called `of`."""

    what: str
    value: Quantity
    at_most: float
    unit: str
    against: Quantity | None = None
    of: str = ""

    def found(self, book: Book) -> float | None:
        """What was measured, in the target's unit; `None` where something is missing."""
        value = self.value.value(book)
        if self.against is None or value is None:
            return value
        against = self.against.value(book)
        return None if not against else value / against


def held(target: Target, book: Book) -> bool | None:
    """Whether a target is held; `None` where nobody knows."""
    found = target.found(book)
    return None if found is None else found <= target.at_most


def _wall(workload: str, n: int, step: str) -> Measured:
    return Measured(workload, n, step, "wall_p50_ms")


def _cpu(workload: str, n: int, step: str) -> Measured:
    return Measured(workload, n, step, "cpu_ms")


def _floor(workload: str, n: int, step: str) -> Measured:
    return Measured(workload, n, step, "floor_ms")


def _times(what: str, value: Quantity, at_most: float, of: str, against: Quantity) -> Target:
    return Target(what, value, at_most, "times", against, of)


def _at_each_size() -> Iterator[Target]:
    for n, memory_mb in ((1_000, 300.0), (10_000, 600.0)):
        at = f"at {n:,} tasks"
        for step in ("touch", "comment"):
            yield Target(f"{step} {at}, CPU", _cpu("sql", n, step), 10.0, "ms")
        for step, times in (("leaf", 3.0), ("cone 100", 1.3)):
            yield _times(f"{step} {at}", _wall("sql", n, step), times, "the floor", _floor("sql", n, step))
        yield Target(f"leaf in Ibis {at}", _wall("ibis", n, "leaf"), 50.0, "ms")
        status, bare = _wall("sql", n, steps.STATUS), _floor("sql", n, steps.STATUS)
        yield Target(f"`status` {at}", status, 60.0, "ms")
        yield _times(f"`status` {at}", status, 3.0, "bare Python", bare)
        yield Target(f"all processes {at}, memory", Most("sql", n, "peak_mb"), memory_mb, "MB")
        idle = _cpu("sql", n, steps.IDLE)
        yield _times(f"idle {at}, CPU", idle, 0.005, "a core", _wall("sql", n, steps.IDLE))


def _peers() -> Iterator[Target]:
    leaf = _cpu("sql", 1_000, "leaf")
    for tool, share in (("dbt", 100), ("hamilton", 30)):
        warm = OfPeer(tool, 1_000, "leaf")
        yield _times("leaf at 1,000 tasks, CPU", leaf, 1 / share, f"that of warm {tool}", warm)


def _data_file() -> Target:
    wall, floor = _wall("rows", 1_000_000, "data file"), _floor("rows", 1_000_000, "data file")
    return _times(
        "data file of 1,000,000 rows, a column changed that nobody reads", wall, 2.0, "reading the others", floor
    )


def _cold_build() -> Target:
    cold, floor = _wall("sql", 1_000, steps.COLD_BUILD), _floor("sql", 1_000, steps.COLD_BUILD)
    return _times("cold build of 1,000 tasks", cold, 1.5, "the floor", floor)


TARGETS = (
    *_at_each_size(),
    _times("leaf at 10,000 tasks", _wall("sql", 10_000, "leaf"), 1.2, "that at 100", _wall("sql", 100, "leaf")),
    *_peers(),
    _data_file(),
    Target("warm start of 10,000 tasks", _wall("sql", 10_000, steps.WARM_START), 2_000.0, "ms"),
    Target("cold compile of 1,000 SQL tasks", _wall("sql", 1_000, steps.COLD_COMPILE), 3_000.0, "ms"),
    Target("cold compile of 1,000 Ibis tasks", _wall("ibis", 1_000, steps.COLD_COMPILE), 15_000.0, "ms"),
    _cold_build(),
)
