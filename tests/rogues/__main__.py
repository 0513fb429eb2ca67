"""Runs rogues one at a time under a real daemon, and measures: `python -m tests.rogues [NAME ...]`.

Exit code 1 when one did not end as it has to, when something was left behind, or when a superseded one lived too long.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.promises.page import record
from tests.rogues.pulse import Heart, pulse_of
from tests.rogues.rogues import LIMITS, ROGUES, Rogue, chatterbox
from tests.rogues.superseded import PATIENT, STUBBORN, supersede, usual_ms
from tests.rogues.yard import Yard

#: With all of the machine for each.
GENEROUS = {**LIMITS, "load_s": 4.0, "build_s": 4.0, "query_s": 8.0}
DEAD_MS = 200.0
ANSWER_MS = 50.0


def main() -> int:
    """Run what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tests.rogues", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which rogues; all by default")
    parser.add_argument("--printed-mb", type=int, default=10_240, metavar="N", help="what one of them prints (10240)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="how often each is superseded (5)")
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/reliability.md")
    parser.add_argument("--only", choices=["rogues", "superseded"], help="one half of it")
    arguments = parser.parse_args()
    ok, figures = True, list[str]()
    with tempfile.TemporaryDirectory(prefix="relspec-rogues-") as folder:
        if arguments.only != "superseded":
            ok &= let_loose(Path(folder) / "rogues", set(arguments.names), arguments.printed_mb, figures)
        if arguments.only != "rogues":
            ok &= replace(Path(folder) / "superseded", set(arguments.names), arguments.rounds, figures)
    if arguments.record:
        record("rogues", " ".join(("rogues", *arguments.names)), "; ".join(figures))
    return int(not ok)


def let_loose(root: Path, names: set[str], printed_mb: int, figures: list[str]) -> bool:
    """Let each rogue end by itself; what is to be remembered of it goes to `figures`."""
    root.mkdir()
    # Ten gigabytes take longer than any limit that is good for the others.
    talker = chatterbox(printed_mb)
    chosen = [talker if r.name == talker.name else r for r in ROGUES if not names or r.name in names]
    wrong, times_ms = [], []
    print(f"{'rogue':22} {'ended as':17} {'s':>5} {'fresh s':>7}   status ms: p50, p99, worst (n)")
    for patience in (GENEROUS, {**GENEROUS, "load_s": 600.0}):
        part = [r for r in chosen if (r is talker) == (patience is not GENEROUS)]
        if not part:
            continue
        with Yard(root / str(patience["load_s"]), patience) as yard:
            for rogue in part:
                fault, beats = _one(yard, rogue)
                times_ms += beats
                wrong += [f"{rogue.name}: {fault}"] if fault else []
            written = yard.log.stat().st_size
        print(f"the log has {written / 1024:.0f} kB")
    if times_ms:
        pulse = pulse_of(times_ms)
        late = sum(ms > ANSWER_MS for ms in times_ms)
        figures.append(
            f"{len(chosen)} rogues, {len(wrong)} ended otherwise than they have to; status meanwhile {pulse},"
            f" {late} of {pulse.n} answers over {ANSWER_MS:.0f} ms"
        )
        print(figures[-1])
    print("\n".join(wrong or ["all ended as they have to"]))
    return not wrong


def _one(yard: Yard, rogue: Rogue) -> tuple[str | None, list[float]]:
    yard.until(yard.at_rest, "the daemon to be at rest")
    before = yard.descriptors()
    with Heart(yard) as heart:
        started = time.perf_counter()
        yard.let_in([rogue])
        document = yard.build(600.0)
        took_s = time.perf_counter() - started
    yard.repair([rogue])
    started = time.perf_counter()
    repaired = yard.build()
    fresh_s = time.perf_counter() - started
    fault = _fault(rogue, document) or (f"repaired, there is {repaired['problems']}" if repaired["problems"] else None)
    yard.until(yard.at_rest, f"{rogue.name} to be gone")
    (yard.root / rogue.path).unlink()
    yard.build()
    # The answer itself takes one, and a watch that is made anew some for a moment.
    yard.until(lambda: yard.descriptors() <= before + 1, f"descriptors of the daemon to be {before} again")
    said = "fresh" if not document["problems"] else ",".join(p["code"] for p in document["problems"])
    print(f"{rogue.name:22} {said:17} {took_s:5.2f} {fresh_s:7.2f}   {pulse_of(heart.times_ms)}", flush=True)
    return fault, heart.times_ms


def _fault(rogue: Rogue, document: dict[str, list[dict[str, str]]]) -> str | None:
    problems = document["problems"]
    if rogue.code is None:
        return f"there is {problems}" if problems else None
    if len(problems) != 1:
        return f"there are {len(problems)} problems: {problems}"
    (problem,) = problems
    fits = (problem["code"], problem["path"]) == (rogue.code, rogue.path) and rogue.words in problem["message"]
    return None if fits and rogue.line in (None, problem["line"]) else f"it ended as {problem}"


def replace(root: Path, names: set[str], rounds: int, figures: list[str]) -> bool:
    """Supersede each of those that do not end by themselves; what is to be remembered of it goes to `figures`."""
    chosen = [rogue for rogue in STUBBORN if not names or rogue.name in names]
    if not chosen:
        return True
    slow, worst = [], 0.0
    with Yard(root, PATIENT) as yard:
        usual = {kind: statistics.median(usual_ms(yard, _of(kind), 6)) for kind in (".py", ".sql")}
        print(f"a save that nothing stands in the way of: {usual['.py']:.0f} ms (Python), {usual['.sql']:.0f} ms (SQL)")
        print(f"{'superseded':22} dead ms: median, worst   fresh ms: median, worst   processes")
        for rogue in chosen:
            deaths = [supersede(yard, rogue) for _ in range(rounds)]
            dead, fresh = [d.dead_ms for d in deaths], [d.fresh_ms for d in deaths]
            worst = max(worst, *dead)
            before, after = deaths[-1].n_processes
            print(
                f"{rogue.name:22} {statistics.median(dead):16.0f} {max(dead):7.0f} {statistics.median(fresh):18.0f}"
                f" {max(fresh):7.0f}   {before} -> {after}",
                flush=True,
            )
            if max(dead) > DEAD_MS or any(d.rows != 1 for d in deaths):
                slow.append(rogue.name)
    figures.append(f"{len(chosen)} superseded, dead after at most {worst:.0f} ms")
    print(f"over {DEAD_MS:.0f} ms, or published: {', '.join(slow)}" if slow else f"all dead within {DEAD_MS:.0f} ms")
    return not slow


def _of(kind: str) -> Rogue:
    return next(rogue for rogue in STUBBORN if rogue.path.endswith(kind))


if __name__ == "__main__":
    sys.exit(main())
