"""Kills builds and daemons, or has the system refuse them, at their system calls: `python -m tests.crash`."""

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.crash.builds import BuildTrial, Outcome
from tests.crash.daemons import ANSWERS, RESTART_S, DaemonTrial
from tests.crash.poison import PoisonTrial
from tests.crash.project import Project
from tests.crash.strikes import ERRORS, KILL, MUTATING, Call, chosen, mutating, opening
from tests.promises.page import record

#: A child makes some dozens of calls; one of these numbers strikes a few children, or the owner with them.
_CHILD_CALLS = 60
#: What is struck, how often where nothing else is asked for, and what that is.
KINDS = {
    "kills": (20, "kills of a build"),
    "errors": (20, "errors in a build"),
    "children": (10, "kills of every process of a build"),
    "daemon_kills": (10, "kills of a daemon"),
    "daemon_errors": (10, "errors in a daemon"),
    "opens": (16, "faults where either opens a file to write it"),
    "poison": (10, "poisoned files of the state"),
}
#: One strike: its kind, what it is in words, and doing it.
_Strike = tuple[str, str, Callable[[], Outcome]]


def main() -> int:
    """Strike at a seeded choice of calls, with 0 at all of them; the exit code is 1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    for kind, (default, words) in KINDS.items():
        option = f"--{kind.replace('_', '-')}"
        parser.add_argument(option, type=int, default=default, metavar="N", help=f"so many {words} ({default})")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the seed of the choice (1)")
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/reliability.md")
    options = parser.parse_args()
    if shutil.which("strace") is None:
        print("strace is not installed")
        return 2
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="relspec-crash-") as folder:
        for kind, words, strike in _strikes(vars(options), Project(Path(folder))):
            tally.count(kind, words, strike())
    told = tally.told()
    print(told)
    if options.record:
        counts = " ".join(f"--{kind.replace('_', '-')} {vars(options)[kind]}" for kind in KINDS)
        record("crash", f"crash {counts} --seed {options.seed}", told)
    return int(tally.n_wrong > 0)


class Tally:
    """What came of the strikes."""

    def __init__(self) -> None:
        self.n_wrong = 0
        self._came: dict[str, Counter[str]] = {}
        self._seconds: dict[str, list[float]] = {}

    def count(self, kind: str, words: str, outcome: Outcome) -> None:
        """Count one, and print what was wrong."""
        self._came.setdefault(kind, Counter())[outcome.came] += 1
        for what, seconds in outcome.seconds.items():
            self._seconds.setdefault(what, []).append(seconds)
        if outcome.wrong is not None:
            self.n_wrong += 1
            print(f"{kind}: {words}: {outcome.wrong}", flush=True)

    def told(self) -> str:
        """The figures in one line."""
        kinds = (f"{came.total()} {KINDS[kind][1]} ({_listed(came)})" for kind, came in self._came.items())
        spans = (f"{what} at most {max(seconds):.1f} s" for what, seconds in self._seconds.items())
        slow = sum(seconds > RESTART_S for seconds in self._seconds.get(ANSWERS, ()))
        return f"{'; '.join(kinds)}; {', '.join(spans)}; {slow} answers above {RESTART_S:g} s; {self.n_wrong} wrong"


def _listed(came: Counter[str]) -> str:
    return ", ".join(f"{number} {what}" for what, number in sorted(came.items()))


def _strikes(wanted: dict[str, int], project: Project) -> Iterator[_Strike]:
    rng, builds, daemons = random.Random(wanted["seed"]), BuildTrial(project), DaemonTrial(project)
    root = str(project.layout.root)
    log = builds.written_down()
    opens = [(builds, call) for call in opening(log, root)]
    for kind, faults in (("kills", (KILL,)), ("errors", ERRORS)):
        for call, fault in chosen(rng, mutating(log), wanted[kind], faults):
            yield kind, f"{fault} at {call}", partial(builds.strike, call, fault)
    for _ in range(wanted["children"]):
        call = Call(MUTATING, rng.randint(1, _CHILD_CALLS), None)
        yield "children", f"{KILL} at {call}", partial(builds.strike, call, KILL, children=True)
    log = daemons.written_down()
    opens += [(daemons, call) for call in opening(log, root)]
    for kind, faults in (("daemon_kills", (KILL,)), ("daemon_errors", ERRORS)):
        for call, fault in chosen(rng, mutating(log), wanted[kind], faults):
            yield kind, f"{fault} at {call}", partial(daemons.strike, call, fault)
    for (trial, call), fault in chosen(rng, opens, wanted["opens"], (KILL, *ERRORS)):
        yield "opens", f"{trial.name}: {fault} at {call}", partial(trial.strike, call, fault)
    if wanted["poison"]:
        poisons = PoisonTrial(project)
        for number in range(1, wanted["poison"] + 1):
            own = random.Random(f"{wanted['seed']} {number}")
            yield "poison", f"number {number}", partial(poisons.strike, own)


if __name__ == "__main__":
    sys.exit(main())
