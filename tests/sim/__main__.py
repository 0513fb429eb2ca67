"""Plays simulations: `python -m tests.sim --seeds N --seed S`. Exit code 1 when any differed.

Sets of texts have an order of their own in each process, which a run may depend on: it is fixed here, so that a seed
gives the same run everywhere.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.promises.page import record
from tests.sim.play import Played, play, play_seed
from tests.sim.script import read
from tests.sim.shrink import shrunk

_ORDER = "PYTHONHASHSEED"


def main() -> int:
    """Play what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, metavar="N", help="how many (100)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the first seed (1)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="seeds at a time (1)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="makes what differs small, and writes it there")
    parser.add_argument("--stop", action="store_true", help="end at the first difference")
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/reliability.md")
    parser.add_argument("--script", type=Path, metavar="FILE", help="play a script that was kept instead")
    arguments = parser.parse_args()
    if arguments.script:
        return report(play(read(arguments.script.read_text())), None)
    started, differed = time.monotonic(), 0
    total: Counter[str] = Counter()
    for played in plays(range(arguments.seed, arguments.seed + arguments.seeds), arguments.jobs):
        total += Counter(seeds=1, effects=played.n_effects, faults=len(played.met), seconds=int(played.seconds))
        if played.difference is not None:
            differed += report(played, arguments.keep)
            if arguments.stop:
                break
    passed = time.monotonic() - started
    n_seeds = total["seeds"]
    print(f"{n_seeds} seeds in {passed:.0f} s, {n_seeds / passed:.1f} a second; {differed} differed")
    print(f"{total['effects']} effects, {total['faults']} faults met, {total['seconds']} s of simulated time")
    if arguments.record:
        rate = f"{n_seeds} seeds, {n_seeds / passed:.0f} a second, {differed} differed"
        told = f"{rate}; {total['effects']} effects, {total['faults']} faults met"
        record("sim", f"sim --seeds {arguments.seeds} --seed {arguments.seed}", told)
    return int(bool(differed))


def plays(seeds: range, jobs: int) -> Iterator[Played]:
    """Play seeds, so many at a time."""
    if jobs == 1:
        yield from map(play_seed, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(play_seed, seeds, chunksize=10)


def report(played: Played, keep: Path | None) -> int:
    """Say what differed, and keep it if that is wanted; 1 if it did."""
    print(f"seed {played.script.seed}: {played.difference}", flush=True)
    if played.difference is not None and keep is not None:
        small = shrunk(played.script)
        path = keep / f"seed_{small.seed}.json"
        keep.mkdir(parents=True, exist_ok=True)
        path.write_text(small.text())
        print(f"  {len(small.steps)} steps and {len(small.faults)} faults in {path}", flush=True)
    return int(played.difference is not None)


if __name__ == "__main__":
    if os.environ.get(_ORDER) != "0":
        os.environ[_ORDER] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.sim", *sys.argv[1:]])
    sys.exit(main())
