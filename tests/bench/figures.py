"""What one step cost, as a row of figures: of each round its wall time and CPU, of the floor likewise."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.cpu import Spent
from tests.bench.floor import Taken


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of a step: its wall time, the CPU of all processes, and what the floor took where there is one."""

    wall_ms: float
    cpu: Spent
    floor: Taken | None


@dataclass(frozen=True, slots=True)
class Row:
    """One step of one project: milliseconds, megabytes of all processes together, tasks that executed in a round.

    `on` is the day. A row without a floor has `None` there.
    """

    step: str
    on: str
    rounds: int
    executed: int
    wall_p50_ms: float
    wall_p99_ms: float
    cpu_ms: float
    peak_mb: float | None
    floor_ms: float | None
    floor_cpu_ms: float | None


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all do not exceed: one of them, in few rounds the largest."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def cpu_ms(spent: Sequence[Spent]) -> float:
    """The median of what is known finely, and the mean of what is coarse and right on average only."""
    coarse = statistics.fmean(each.coarse_ms for each in spent)
    return max(0.0, statistics.median(each.fine_ms for each in spent) + coarse)


def row(step: str, on: str, executed: int, samples: Sequence[Sample], peak_mb: float | None) -> Row:
    """Sum the rounds of a step up."""
    walls = [sample.wall_ms for sample in samples]
    floors = [sample.floor for sample in samples if sample.floor is not None]
    return Row(
        step,
        on,
        len(samples),
        executed,
        round(statistics.median(walls), 2),
        round(percentile(walls, 0.99), 2),
        round(cpu_ms([sample.cpu for sample in samples]), 2),
        None if peak_mb is None else round(peak_mb, 1),
        round(statistics.median(floor.wall_ms for floor in floors), 3) if floors else None,
        round(statistics.median(floor.cpu_ms for floor in floors), 3) if floors else None,
    )
