"""Fuzz the canonical form and the required columns: `python -m tests.fuzz --cases N --seed S`."""

import argparse
import sys

from tests.fuzz.fuzzer import Fuzzer
from tests.promises.page import record


def main() -> int:
    """Run the cases, print what contradicts a promise, and say how much was run."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=1000, help="how many cases to run")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the first case; the next has the next number")
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/reliability.md")
    options = parser.parse_args()
    fuzzer = Fuzzer()
    for seed in range(options.seed, options.seed + options.cases):
        n_before = len(fuzzer.tally.counterexamples)
        fuzzer.run(seed)
        for text in fuzzer.tally.counterexamples[n_before:]:
            print(text, flush=True)
    print(fuzzer.tally.line())
    if options.record:
        record("fuzz", f"fuzz --cases {options.cases} --seed {options.seed}", fuzzer.tally.line())
    return 1 if fuzzer.tally.counterexamples else 0


if __name__ == "__main__":
    sys.exit(main())
