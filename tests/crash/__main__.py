"""Kills a build, or has the system refuse it, at its system calls: `python -m tests.crash --kills 40 --errors 40`."""

import argparse
import itertools
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.crash.crash import Trial
from tests.promises.page import record

#: A child makes some dozens of calls; one of these numbers strikes a few children, or the owner with them.
_CHILD_CALLS = 60
ERRORS = ("ENOSPC", "EIO", "EMFILE", "EACCES")


def main() -> int:
    """Strike at a seeded choice of calls, with 0 at all of them; the exit code is 1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=40, metavar="N", help="so many kills; 0: at every call (40)")
    parser.add_argument("--errors", type=int, default=40, metavar="N", help="so many errors; 0: at every call (40)")
    parser.add_argument("--children", type=int, default=10, metavar="N", help="so many kills of every process (10)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the seed of the choice (1)")
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/reliability.md")
    options = parser.parse_args()
    if shutil.which("strace") is None:
        print("strace is not installed")
        return 2
    rng, tally, seconds = random.Random(options.seed), Counter[str](), [0.0]
    with tempfile.TemporaryDirectory(prefix="relspec-crash-") as folder:
        trial = Trial(Path(folder))
        n_calls = trial.calls()
        numbers = range(1, n_calls + 1)
        kills = sorted(rng.sample(numbers, min(options.kills or n_calls, n_calls)))
        errors = sorted(rng.sample(numbers, min(options.errors or n_calls, n_calls)))
        plan = [("kills", n, "signal=KILL") for n in kills]
        plan += [("errors", n, f"error={e}") for n, e in zip(errors, itertools.cycle(ERRORS), strict=False)]
        plan += [("kills of children", rng.randint(1, _CHILD_CALLS), "signal=KILL") for _ in range(options.children)]
        for kind, number, fault in plan:
            outcome = trial.strike(number, fault, children=kind == "kills of children")
            tally[kind] += 1
            tally[f"{kind} that ended the build"] += outcome.struck
            seconds.append(outcome.seconds)
            if outcome.wrong is not None:
                tally["wrong"] += 1
                print(f"{kind}: {fault} at call {number}: {outcome.wrong}", flush=True)
    told = ", ".join(
        f"{tally[k]} {k}" for k in ("kills", "kills of children", "errors", "errors that ended the build", "wrong")
    )
    told = f"{n_calls} mutating calls; {told}; the build after it at most {max(seconds):.1f} s"
    print(told)
    if options.record:
        counts = f"--kills {options.kills} --errors {options.errors} --children {options.children}"
        record("crash", f"crash {counts} --seed {options.seed}", told)
    return int(tally["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
