"""Lets a daemon work for long and says whether anything grows: `python -m tests.soak --minutes 60`."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.promises.page import record
from tests.soak.sample import trends
from tests.soak.soak import Plan, Soak, soak

#: A soak of an hour may grow by so much of what it holds, which is the noise of allocators and of timing.
GROWTH = 0.05


def main() -> int:
    """Soak, and print the slopes; the exit code is 1 when something grows."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, metavar="N", help="how long (60)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the seed of project and edits (1)")
    parser.add_argument("--tasks", type=int, default=12, metavar="N", help="tasks of the project (12)")
    parser.add_argument("--steps", type=int, default=20, metavar="N", help="edits in a round (20)")
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/reliability.md")
    options = parser.parse_args()
    started = time.monotonic()

    def tell(running: Soak) -> None:
        last = running.samples[-1]
        if len(running.samples) % 10 == 1:
            print(f"{time.monotonic() - started:6.0f} s  {last}", flush=True)

    with tempfile.TemporaryDirectory(prefix="relspec-soak-") as folder:
        plan = Plan(options.seed, options.tasks, options.steps, options.minutes * 60)
        done = asyncio.run(soak(Path(folder) / "project", plan, tell))
    found = trends(done.samples, growth=GROWTH)
    print(
        f"{done.edits} edits, {done.builds} builds, {len(done.samples)} samples in {time.monotonic() - started:.0f} s"
    )
    for trend in found:
        word = "flat " if trend.flat else "GROWS"
        slope = f"{trend.slope:+.2f} in 1,000 edits"
        print(f"{word}  {trend.name:12} {trend.first:8.1f} -> {trend.last:8.1f}  {slope}")
    if options.record:
        slopes = ", ".join(f"{t.name} {t.first:.0f} to {t.last:.0f} ({t.slope:+.2f} in 1,000 edits)" for t in found)
        line = f"soak --minutes {options.minutes:g} --seed {options.seed}"
        record("soak", line, f"{done.edits} edits, {done.builds} builds; {slopes}")
    return int(not all(trend.flat for trend in found))


if __name__ == "__main__":
    sys.exit(main())
