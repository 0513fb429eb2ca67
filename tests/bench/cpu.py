"""CPU time of many processes together, between two readings.

Of a living process the kernel tells nanoseconds, those of its ended threads included. Of a process that has ended only
what its parents say is left, in ticks of 10 ms each for user and system time. That is coarse, up to two ticks too much
or too little for each parent that lost children, and right on average; so the two parts are kept apart. A parent that
ignores the end of its children is told nothing of their time. None of ours does.
"""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")

#: A process, and the tick in which it began: numbers are used again.
Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """Nanoseconds of each living process, and of all that have ended below them."""

    living: Mapping[Identity, int]
    ended: int


@dataclass(frozen=True, slots=True)
class Spent:
    """Milliseconds of processes that lived on, and of those that ended meanwhile, which is coarse."""

    fine_ms: float
    coarse_ms: float


def read(pids: Iterable[int]) -> Reading:
    """Read the clocks of these processes; those that are gone by now are left out."""
    living, ended = {}, 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            # The clock of a process by its number, as clock_getcpuclockid(3) makes it.
            used = time.clock_gettime_ns((~pid << 3) | 2)
        except OSError:
            continue
        living[pid, int(fields[19])] = used
        ended += (int(fields[13]) + int(fields[14])) * _TICK_NS
    return Reading(living, ended)


def spent(before: Reading, after: Reading) -> Spent:
    """What was used between two readings; what a process that ended had used before the first is not counted again."""
    fine = sum(used - before.living.get(process, 0) for process, used in after.living.items())
    known = sum(used for process, used in before.living.items() if process not in after.living)
    return Spent(fine / 1e6, (after.ended - before.ended - known) / 1e6)


#: Before anything was started.
NOTHING = Reading({}, 0)
