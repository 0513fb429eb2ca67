"""Measures what a daemon costs while nothing happens, and how long the watch takes to tell of a write.

    python -m tests.bench.idle --seconds 60

CPU is of the daemon and of its children, over so many seconds in which it was calm. Latency is from the write to the
hint, in a watch of its own: while lively, and for the first write after a calm time.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from tests.life.living import Living, make_project

from relspec.core.layout import Layout
from relspec.core.settings import WatchSettings
from relspec.edges.watch import FileWatcher, stepping, watcher
from relspec.edges.watch.source import Source
from relspec.edges.watch.stepping import Stepping
from relspec.edges.watch.watcher import usual_source


def idle_percent(root: Path, log: Path, seconds: float) -> dict[str, float]:
    """The share of a core that the daemon, its busiest child and all children take."""
    with Living(root, log) as daemon:
        daemon.ready()
        time.sleep(stepping.CALM_S + 2 * watcher.TICK_S + 1)
        processes = [psutil.Process(pid) for pid in daemon.family()]
        before = {p.pid: _cpu_s(p) for p in processes}
        started = time.perf_counter()
        time.sleep(seconds)
        took = time.perf_counter() - started
        used = {p.pid: (_cpu_s(p) - before[p.pid]) / took * 100 for p in processes}
        own = used.pop(daemon.process.pid)
        return {"daemon": own, "busiest child": max(used.values()), "all children": sum(used.values())}


def _cpu_s(process: psutil.Process) -> float:
    # Nanoseconds of the scheduler: the clock of `times` ticks a hundred times a second only.
    threads = Path(f"/proc/{process.pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


async def latencies_ms(
    root: Path, rounds: int, calm_s: float | None, open_source: Callable[[Path], Source]
) -> list[float]:
    """Milliseconds from a write to its hint; with `calm_s` each after a time without any event."""
    stepping.CALM_S = 3600.0 if calm_s is None else calm_s
    found = []
    folders = [str(root), str(root / "tasks")]
    settings = WatchSettings(audit_s=3600)
    async with FileWatcher(Layout(root), settings, lambda: folders, open_source) as watched:
        hints = watched.hints()
        await anext(hints)
        following = asyncio.ensure_future(anext(hints))
        for number in range(rounds):
            await asyncio.sleep(0.1 if calm_s is None else calm_s + 2 * watcher.TICK_S + number / 1000)
            started = time.perf_counter()
            (root / "tasks" / "total.sql").write_text(f"select {number} as total\n")
            await following
            found.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(0.1)
            following = asyncio.ensure_future(anext(hints))
        following.cancel()
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="idle CPU, and the latency of the watch")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="relspec-idle-") as place:
        root = make_project(Path(place) / "project")
        for name, percent in idle_percent(root, Path(place) / "log", options.seconds).items():
            print(f"idle {name:<14}{percent:8.3f} % of a core")
        times = (("lively", 4 * options.rounds, None), ("calm", options.rounds, 0.1))
        for source, open_source in (("usual", usual_source), ("watchfiles", Stepping)):
            for name, rounds, calm_s in times:
                found = asyncio.run(latencies_ms(root, rounds, calm_s, open_source))
                p99 = sorted(found)[int(0.99 * len(found))]
                print(f"write to hint, {source:<11}{name:<7} p50 {statistics.median(found):6.2f} ms, p99 {p99:6.2f} ms")


if __name__ == "__main__":
    main()
