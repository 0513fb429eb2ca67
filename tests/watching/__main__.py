"""Does to a watched project what people's tools do, and asks whether the watch came to know all of it.

    python -m tests.watching [--rounds N] [WORD ...]

Without words every act. Prints for each how long after it the watch knew all, and the longest stop of its loop; ends
with 1 when something was missed, or shown half-written.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.promises.page import record
from tests.watching.acts import ACTS, Act, Place
from tests.watching.watched import Seen, Watched, truth

#: Far longer than catching up may take.
WITHIN_S = 30.0


@dataclass
class Outcome:
    """What became of one act: seconds until all was known, by round, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    lag_ms: float = 0.0
    wrong: list[str] = field(default_factory=list)
    note: str = ""


def play(act: Act, rounds: int) -> Outcome:
    """Do an act over and over to one project."""
    outcome = Outcome()
    with ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relspec-watching-")))
        root, aside = top / "project", top / "aside"
        for folder in (root / "tasks", root / "data", root / "state", aside):
            folder.mkdir(parents=True)
        watched = stack.enter_context(Watched(root, act.wrapper))
        for number in range(rounds):
            place = Place(root, aside, watched, number)
            if act.before is not None:
                act.before(place)
                watched.caught_up(WITHIN_S)
            before = truth(root)
            act.do(place)
            ended = time.monotonic()
            seen = watched.caught_up(WITHIN_S)
            if seen is None:
                outcome.wrong.append(f"round {number}: {watched.see().n_files} files known of {truth(root)[1]}")
                continue
            if seen.tree == before[0]:
                outcome.wrong.append(f"round {number} changed nothing")
            outcome.seconds.append(max(0.0, seen.moved_at - ended))
            outcome.lag_ms, outcome.note = seen.lag_ms, seen.polling or ""
            outcome.wrong += _halves(root, seen)
    return outcome


def _halves(root: Path, seen: Seen) -> list[str]:
    """The files of data of which some other size was shown than the one that they have in the end."""
    ends = {path: (root / path).stat().st_size for path in seen.sizes if (root / path).exists()}
    return [f"{p} was shown with {sizes} bytes" for p, sizes in seen.sizes.items() if p in ends and sizes != [ends[p]]]


def line(act: Act, outcome: Outcome) -> str:
    """One line of the report."""
    if outcome.wrong:
        return f"WRONG   {act.name}: {'; '.join(outcome.wrong[:3])}"
    middle, worst = statistics.median(outcome.seconds), max(outcome.seconds)
    note = f"  ({outcome.note})" if outcome.note else ""
    times = f"after {middle * 1000:5.0f} ms, at most {worst * 1000:5.0f}, lag {outcome.lag_ms:4.0f}"
    return f"seen    {act.name:45} {times}{note}"


def main(arguments: list[str]) -> int:
    """Play what is asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.watching", description="Real saves under a real watch.")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each act is done (3)")
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/reliability.md")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only the acts whose name has all words")
    options = parser.parse_args(arguments)
    chosen = [act for act in ACTS if all(word in act.name for word in options.words)]
    if not chosen:
        parser.error(f"no act has {' and '.join(options.words)} in its name")
    n_wrong, told = 0, []
    for act in chosen:
        if act.program is not None and shutil.which(act.program) is None:
            print(f"absent  {act.name}: {act.program} is not installed", flush=True)
            continue
        outcome = play(act, options.rounds)
        n_wrong += bool(outcome.wrong)
        told += [f"{act.name} {max(outcome.seconds) * 1000:.0f} ms"] if outcome.seconds else []
        print(line(act, outcome), flush=True)
    print(f"{len(chosen)} acts, {options.rounds} rounds each, {n_wrong} of them wrong")
    if options.record:
        figures = f"{len(chosen)} acts, {n_wrong} wrong; all was known, at most, after: {', '.join(told)}"
        record("watching", f"watching --rounds {options.rounds}", figures)
    return int(n_wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
