"""Measures where the time of a save goes, stage by stage, from the daemon's own trace.

    python -m tests.bench.breakdown --sizes 1000 --steps comment leaf "cone 100" --rounds 15 --record

A stage of the table is a median over the rounds. `hint` is the time from the end of the save until the daemon has heard
of it, `otherwise` what of the whole lies in no stage: the daemon's line on its way to who reads it, for one thing.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.bench.daemon import Daemon
from tests.bench.edit import Subject
from tests.bench.record import Stage, read, write
from tests.bench.report import PAGE, page
from tests.bench.session import GAP_S
from tests.bench.workloads import BY_NAME

#: The steps of the daemon that come one after the other, in their order.
STAGES = ("settle", "look", "load", "take in", "extract", "compile", "run", "sync", "commit", "publish")
#: The first save after a start finds engines that are not warm, and the file of views is written anew for two seconds.
_WARM_S = 2.5

Event = Mapping[str, Any]


def stages_of(events: Iterable[Event], started_us: float, ended_us: float) -> dict[str, float]:
    """Milliseconds of each stage between a save and its `ready`; their sum is the time between."""
    own = [e for e in events if e["ph"] == "X" and e["tid"] == 0]
    # By their ends: the daemon may have heard of a save before its maker knew that it was done.
    within = [e for e in own if started_us <= e["ts"] + e["dur"] <= ended_us]
    found: defaultdict[str, float] = defaultdict(float)
    for event in within:
        if event["name"] in STAGES:
            found[event["name"]] += event["dur"] / 1000
    first = min((event["ts"] for event in within), default=ended_us)
    heard = max(0.0, first - started_us) / 1000
    stages = {"hint": heard} | {name: found[name] for name in STAGES if name in found}
    return stages | {"otherwise": (ended_us - started_us) / 1000 - sum(stages.values())}


def measure(subject: Subject, trace: Path, steps: Sequence[str], rounds: int) -> dict[str, dict[str, float]]:
    """The stages of each step."""
    subject.write()
    with Daemon(subject.root):
        subject.built()
    with Daemon(subject.root, "--trace", str(trace)) as daemon:
        spans = {step: _edits(daemon, subject, step, rounds) for step in steps}
    lines = trace.read_text().splitlines()[1:]
    events = [json.loads(line.rstrip(",")) for line in lines]
    subject.close()
    return {step: _medians([stages_of(events, *span) for span in of]) for step, of in spans.items()}


def _edits(daemon: Daemon, subject: Subject, step: str, rounds: int) -> list[tuple[float, float]]:
    spans = []
    for number in range(rounds + 2):
        edit = subject.edit(step)
        time.sleep(_WARM_S if number in (0, 1) else GAP_S)
        saved: list[float] = []
        wall = daemon.published(lambda apply=edit.apply, saved=saved: (apply(), saved.append(time.monotonic())))
        spans.append((saved[0] * 1e6, saved[0] * 1e6 + wall * 1000))
    return spans[2:]


def _medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for stages in rounds for name in stages)
    return {name: statistics.median(stages.get(name, 0.0) for stages in rounds) for name in names}


def main() -> None:
    """Measure what is asked for, print it, and keep it if that is wanted."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.breakdown", description="where a save's time goes")
    parser.add_argument("--workloads", nargs="+", default=["sql"], choices=["sql", "ibis"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100])
    parser.add_argument("--steps", nargs="+", default=["comment", "leaf", "cone 100"])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/performance.md")
    options = parser.parse_args()
    for workload in options.workloads:
        for n in options.sizes:
            with tempfile.TemporaryDirectory(prefix="relspec-bench-", dir="/var/tmp") as folder:
                subject = BY_NAME[workload].subject(Path(folder), n)
                found = measure(subject, Path(folder) / "trace", options.steps, options.rounds)
            rows = [Stage(workload, n, step, name, ms) for step, of in found.items() for name, ms in of.items()]
            for row in rows:
                print(f"{row.workload:<6}{row.n_tasks:>7}  {row.step:<10}{row.stage:<10}{row.ms:8.2f}")
            if options.record:
                _keep(rows)


def _keep(rows: Sequence[Stage]) -> None:
    book, anew = read(), {(row.workload, row.n_tasks, row.step) for row in rows}
    kept = [row for row in book.breakdown if (row.workload, row.n_tasks, row.step) not in anew]
    write(replace(book, breakdown=(*kept, *rows)))
    PAGE.write_text(page(read()))


if __name__ == "__main__":
    main()
