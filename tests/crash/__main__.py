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

ERRORS = ("ENOSPC", "EIO", "EMFILE", "EACCES")


def main() -> int:
    """Strike at a seeded choice of calls, with 0 at all of them; the exit code is 1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=40, metavar="N", help="so many kills; 0: at every call (40)")
    parser.add_argument("--errors", type=int, default=40, metavar="N", help="so many errors; 0: at every call (40)")
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
        plan = [(n, "signal=KILL") for n in kills]
        plan += [(n, f"error={e}") for n, e in zip(errors, itertools.cycle(ERRORS), strict=False)]
        for number, fault in plan:
            outcome = trial.strike(number, fault)
            kind = "kills" if fault == "signal=KILL" else "errors"
            tally[kind] += 1
            tally[f"{kind} that ended the build"] += outcome.struck
            seconds.append(outcome.seconds)
            if outcome.wrong is not None:
                tally["wrong"] += 1
                print(f"{fault} at call {number}: {outcome.wrong}", flush=True)
    told = ", ".join(f"{tally[k]} {k}" for k in ("kills", "errors", "errors that ended the build", "wrong"))
    told = f"{n_calls} mutating calls; {told}; the build after it at most {max(seconds):.1f} s"
    print(told)
    if options.record:
        record("crash", f"crash --kills {options.kills} --errors {options.errors} --seed {options.seed}", told)
    return int(tally["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
