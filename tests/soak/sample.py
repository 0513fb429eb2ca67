"""What a daemon and its children hold at one moment, read from the system, and whether that grows."""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import psutil

from relspec.core.layout import Layout

_MB = 1 << 20
#: The loop's pool starts a thread only when all others are busy; so many it has at most, and the daemon one beside it.
_THREADS = min(32, (os.cpu_count() or 1) + 4) + 1
_LOOK_S = 0.05
_CALM_LOOKS = 4
_REST_MAX_S = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Counts after so many edits; memory in megabytes, that of all processes as their proportional share."""

    edits: int
    daemon_mb: float
    all_mb: float
    descriptors: int
    threads: int
    children: int
    watches: int
    temporaries: int


@dataclass(frozen=True, slots=True)
class Trend:
    """One quantity over a soak: its first and last value, its growth in 1,000 edits, and whether that is none."""

    name: str
    first: float
    last: float
    slope: float
    flat: bool


async def take(layout: Layout, pid: int, edits: int) -> Sample:
    """Sample the daemon of a project, once it is at rest: a child may end after the answer that it gave."""
    daemon = psutil.Process(pid)
    children = await _at_rest(daemon)
    temporary = layout.temporary
    return Sample(
        edits=edits,
        daemon_mb=daemon.memory_full_info().uss / _MB,
        all_mb=sum(p.memory_full_info().pss for p in (daemon, *children)) / _MB,
        descriptors=daemon.num_fds(),
        threads=daemon.num_threads(),
        children=len(children),
        watches=_watches(pid),
        temporaries=sum(map(_counts, temporary.rglob("*"))) if temporary.exists() else 0,
    )


async def _at_rest(daemon: psutil.Process) -> list[psutil.Process]:
    """The children, when for some looks in a row they were the same and all slept."""
    before: list[psutil.Process] = []
    calm = 0
    async with asyncio.timeout(_REST_MAX_S):
        while calm < _CALM_LOOKS:
            await asyncio.sleep(_LOOK_S)
            children = daemon.children(recursive=True)
            calm = calm + 1 if children == before and all(map(_sleeps, (daemon, *children))) else 0
            before = children
    return before


def _sleeps(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_SLEEPING)
    except psutil.NoSuchProcess:
        return False


def _watches(pid: int) -> int:
    found = 0
    for path in Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += path.read_text().count("inotify wd:")
    return found


def trends(samples: Sequence[Sample], *, growth: float) -> list[Trend]:
    """The trend of each quantity, over all samples but the first quarter, in which caches fill.

    A quantity is flat when its line rises by no more than the share `growth` of its mean, or by less than one;
    threads also while the loop's pool may hold them all.
    """
    settled = samples[len(samples) // 4 :]
    found = []
    for name in (f.name for f in fields(Sample) if f.name != "edits"):
        values = [float(getattr(sample, name)) for sample in settled]
        slope = _slope([float(sample.edits) for sample in settled], values)
        rise = slope * (settled[-1].edits - settled[0].edits)
        allowed = max(1.0, growth * sum(values) / len(values))
        bounded = name == "threads" and max(values) <= _THREADS
        found.append(Trend(name, values[0], values[-1], slope * 1000, bounded or rise < allowed))
    return found


def _slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """The slope of the line with the least squares."""
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread if spread else 0.0


def _counts(path: Path) -> bool:
    # A log belongs to its file: that of the publisher's own views comes and goes with the way in which it publishes.
    return path.is_file() and not (path.suffix == ".wal" and path.with_suffix("").exists())
