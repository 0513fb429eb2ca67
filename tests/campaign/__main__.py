"""Runs random scripts: `python -m tests.campaign --scripts N --seed S`. Exit code 1 when any differed."""

import argparse
import functools
import itertools
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.campaign.seeds import Course, Outcome, run_seeds
from tests.promises.page import record

#: So many scripts share their engines and their loader.
_BATCH = 5


def main() -> int:
    """Run what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--scripts", type=int, default=20, metavar="N", help="how many (20)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the first seed (1)")
    parser.add_argument("--steps", type=int, default=40, metavar="N", help="steps a script (40)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="scripts at a time (1)")
    parser.add_argument("--shrink", type=int, default=100, metavar="N", help="plays spent on making a failure small")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where failing scripts go, as scenario files")
    parser.add_argument("--daemon", action="store_true", help="save under a running daemon")
    parser.add_argument("--stop", action="store_true", help="end at the first difference")
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/reliability.md")
    arguments = parser.parse_args()
    attempts = arguments.shrink if arguments.keep else 0
    course = Course(arguments.steps, attempts, arguments.daemon, arguments.stop)
    seeds = range(arguments.seed, arguments.seed + arguments.scripts)
    started = time.monotonic()
    total: Counter[str] = Counter()
    failed = []
    for outcome in outcomes(seeds, course, arguments.jobs):
        total += outcome.tally
        if outcome.failure is not None:
            failed.append(outcome.seed)
            report(outcome, arguments.keep)
            if arguments.stop:
                break
    summary(total, failed, time.monotonic() - started)
    if arguments.record:
        name = "campaign --daemon" if arguments.daemon else "campaign"
        line = f"{name} --scripts {arguments.scripts} --seed {arguments.seed} --steps {arguments.steps}"
        record(name, line, f"{tally(total)}, {len(failed)} differences")
    return int(bool(failed))


def outcomes(seeds: range, course: Course, jobs: int) -> Iterator[Outcome]:
    """Play seeds, so many at a time."""
    batches = [seeds[i : i + _BATCH] for i in range(0, len(seeds), _BATCH)]
    one = functools.partial(run_seeds, course=course)
    if jobs == 1:
        yield from itertools.chain.from_iterable(map(one, batches))
        return
    # Processes begin anew: what a forked one would inherit of DuckDB's threads is of no use to it.
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from itertools.chain.from_iterable(pool.imap_unordered(one, batches))


def report(outcome: Outcome, keep: Path | None) -> None:
    """Say what differed, and keep the scenario."""
    print(f"seed {outcome.seed}: {outcome.failure}", flush=True)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        path = keep / f"seed_{outcome.seed}.scenario"
        path.write_text(outcome.scenario)
        print(f"kept as {path}", flush=True)


def tally(total: Counter[str]) -> str:
    """What was played, in numbers."""
    return ", ".join(f"{total[k]} {k}" for k in ("scripts", "edits", "builds", "executed", "restored", "recompiled"))


def summary(total: Counter[str], failed: list[int], seconds: float) -> None:
    """Print what was played."""
    kinds = {k: n for k, n in total.items() if k.startswith("edit: ")}
    print(", ".join(f"{k.removeprefix('edit: ')} {n}" for k, n in sorted(kinds.items())))
    print(
        f"{tally(total)}, {len(failed)} differences in {seconds:.0f} s ({total['edits'] / seconds:.1f} edits a second)"
    )
    if failed:
        print(f"seeds that differed: {' '.join(map(str, sorted(failed)))}")


if __name__ == "__main__":
    sys.exit(main())
