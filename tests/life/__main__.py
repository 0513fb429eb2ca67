"""Starts, kills and ends real daemons over and over: one a project, and nothing left behind.

    python -m tests.life --rounds 20 --seed 1 --starts 20

Each round has a race of `--starts` daemons that start at once, half of them detached, of which one may live and the
others have to name it; a daemon whose task code leaves processes behind, killed at a random moment from its first on;
and one that is ended by random signals at a random moment. Then the project is built. The figures are the seconds until
the last process of a family is gone. Stops at the first difference; ends with 1 if one was not gone within a second.
"""

import argparse
import json
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.life.living import DEADLINE_S, FORKING, Living, make_project, run, wait_for
from tests.promises.page import record

#: No process of a family may live longer than this after its daemon.
GONE_S = 1.0
ENDS: dict[tuple[int, ...], set[int]] = {
    # Before Python has come to our handlers, a signal ends it the way the system does.
    (signal.SIGTERM,): {0, -signal.SIGTERM},
    (signal.SIGHUP,): {0, -signal.SIGHUP},
    (signal.SIGINT,): {130, -signal.SIGINT, 1},
    (signal.SIGINT, signal.SIGINT): {130, -signal.SIGINT, 1},
    (signal.SIGTERM, signal.SIGINT, signal.SIGINT): {0, 130, -signal.SIGTERM},
}


def race(root: Path, place: Path, n_starts: int) -> float:
    """Start many at once: one wins, the others name it. The seconds until it is gone after `stop`."""
    family = Living(root, place / "log")
    outputs = [(place / f"out{n}", place / f"err{n}") for n in range(n_starts)]
    started = []
    for number, (out, err) in enumerate(outputs):
        with out.open("wb") as stdout, err.open("wb") as stderr:
            options = ("--json", "--detach") if number % 2 else ("--json",)
            started.append(family.spawn(stdout, stderr, *options))
    family.process = started[0]
    try:
        wait_for(lambda: sum(p.poll() not in (None, 0) for p in started) >= n_starts - 1, "all but one to give up")
        code, status = run(root, "status", "--sync")
        winner = status["daemon"]["pid"]
        assert code == 0, status
        losers = [p for p in started if p.poll() not in (None, 0)]
        assert len(losers) == n_starts - 1, [p.poll() for p in started]
        for process, (out, err) in zip(started, outputs, strict=True):
            if process in losers:
                error = json.loads(out.read_bytes())["error"]
                assert (process.poll(), error["code"]) == (1, "state-busy"), (error, err.read_text())
                assert str(winner) in error["message"], (winner, error)
        assert run(root, "stop")[0] == 0
        return family.gone_within()
    finally:
        family.__exit__()
        for process in started:
            process.kill()
            process.wait()


def kill(root: Path, place: Path, chance: random.Random) -> float:
    """Kill a daemon at a random moment: the seconds until the last of its processes is gone."""
    (root / "tasks" / "slow.py").write_text(FORKING)
    with Living(root, place / "log") as daemon:
        time.sleep(chance.uniform(0, 6))
        daemon.process.kill()
        took = daemon.gone_within()
    (root / "tasks" / "slow.py").unlink()
    return took


def end(root: Path, place: Path, chance: random.Random) -> float:
    """End a daemon by signals at a random moment: the seconds until the last of its processes is gone."""
    numbers: Sequence[int] = chance.choice(list(ENDS))
    with Living(root, place / "log") as daemon:
        time.sleep(chance.uniform(0, 6))
        for number in numbers:
            daemon.process.send_signal(number)
            time.sleep(chance.uniform(0, 0.05))
        code = daemon.process.wait(DEADLINE_S)
        assert code in ENDS[tuple(numbers)], (numbers, code, daemon.said())
        assert "Traceback" not in daemon.said() or code < 0 or code == 1, daemon.said()
        return daemon.gone_within()


def main() -> int:
    """Play the rounds; the exit code."""
    parser = argparse.ArgumentParser(description="one daemon a project, and nothing left behind")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/reliability.md")
    options = parser.parse_args()
    took: dict[str, list[float]] = {"race": [], "kill": [], "end": []}
    with tempfile.TemporaryDirectory(prefix="relspec-life-") as folder:
        place = Path(folder)
        root = make_project(place / "project")
        for seed in range(options.seed, options.seed + options.rounds):
            chance = random.Random(seed)
            took["race"].append(race(root, place, options.starts))
            took["kill"].append(kill(root, place, chance))
            took["end"].append(end(root, place, chance))
            code, built = run(root, "build")
            assert (code, built["problems"]) == (0, []), built
            last = ", ".join(f"{what} {seconds[-1]:.3f} s" for what, seconds in took.items())
            print(f"seed {seed}: gone after {last}", flush=True)
    figures = {what: f"{statistics.median(s):.3f} s, at most {max(s):.3f} s" for what, s in took.items()}
    for what, seconds in figures.items():
        print(f"{what:<5} {options.rounds} times, gone after {seconds}")
    if options.record:
        line = f"life --rounds {options.rounds} --seed {options.seed} --starts {options.starts}"
        gone = "; ".join(f"{what} {seconds}" for what, seconds in figures.items())
        record("life", line, f"{options.rounds} rounds, always one daemon; the last process gone after: {gone}")
    return int(max(map(max, took.values())) > GONE_S)


if __name__ == "__main__":
    sys.exit(main())
