"""Measures what saves, starts and commands cost, and the floor in the same run.

    python -m tests.bench --workloads sql ibis --sizes 100 1000 --steps leaf "cone 100" --rounds 15

A save is a rename; published is when the daemon says that all is ready, which it does after every file was switched.
Compare ratios: milliseconds are those of one machine. `docs/performance.md` says what the figures are.
"""

import argparse
import datetime
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.bench.figures import Row
from tests.bench.record import Book, Entry, machine, merged, read, write
from tests.bench.report import PAGE, amount, limit, page
from tests.bench.session import Effort, Session, wanted_of
from tests.bench.steps import STEPS
from tests.bench.targets import TARGETS, held
from tests.bench.workloads import BY_NAME, WORKLOADS, Workload

_COLUMNS = (
    f"{'step':<22}{'p50 ms':>10}{'p99 ms':>10}{'CPU ms':>10}{'MB':>7}{'executed':>10}{'floor ms':>10}{'ratio':>8}"
)


def measure(workload: Workload, n: int, steps: Sequence[str], effort: Effort, place: Path) -> Entry:
    """Measure one project in one size, and print each row when it is there."""
    print(f"\n{workload.name}, {n:,} {workload.unit}\n{_COLUMNS}", flush=True)
    entry = Entry(workload.name, n, workload.unit, machine(), ())
    with tempfile.TemporaryDirectory(prefix="relspec-bench-", dir=place) as folder:
        session = Session(workload.subject(Path(folder), n), effort)
        for row in session.rows(wanted_of([name for name in workload.steps if name in steps])):
            entry = replace(entry, rows=(*entry.rows, row))
            print(line(row), flush=True)
    return entry


def line(row: Row) -> str:
    """One row as text."""
    memory = "" if row.peak_mb is None else f"{row.peak_mb:.0f}"
    floor = "" if not row.floor_ms else f"{row.floor_ms:10.1f}{row.wall_p50_ms / row.floor_ms:8.2f}"
    figures = f"{row.wall_p50_ms:10.1f}{row.wall_p99_ms:10.1f}{row.cpu_ms:10.1f}{memory:>7}{row.executed:10d}"
    return f"{row.step:<22}{figures}{floor}"


def chosen(options: argparse.Namespace) -> list[tuple[Workload, int]]:
    """The projects and sizes that are asked for and have one of the steps.

    Sizes are of those that a project has, unless it alone is named.
    """
    named = [each for each in WORKLOADS if each.name in options.workloads]
    found = []
    for workload in (each for each in named if not set(each.steps).isdisjoint(options.steps)):
        sizes = workload.sizes if options.all or options.sizes else workload.sizes[:1]
        if options.sizes is not None:
            sizes = options.sizes if len(named) == 1 else [n for n in sizes if n in options.sizes]
        found += [(workload, n) for n in sizes]
    return found


def verdicts(run: Book) -> list[str]:
    """The targets that this run says something about, each held or missed."""
    lines = []
    for target in TARGETS:
        if (found := target.found(run)) is not None:
            verdict = "held" if held(target, run) else "missed"
            lines.append(f"{verdict:<8}{target.what}: {amount(found, target.unit)}, at most {limit(target)}")
    return lines


def arguments() -> argparse.ArgumentParser:
    """What can be asked for; `docs/performance.md` lists the same."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="what saves cost, against raw DuckDB")
    names, steps = list(BY_NAME), [step.name for step in STEPS]
    parser.add_argument("--workloads", nargs="+", default=names, choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--sizes", type=int, nargs="+", metavar="N", help="the smallest of each")
    parser.add_argument("--all", action="store_true", help="every size of each")
    parser.add_argument("--steps", nargs="+", default=steps, choices=steps, metavar="NAME", help=", ".join(steps))
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="how often each edit is made (15)")
    parser.add_argument("--starts", type=int, default=1, metavar="N", help="how often a daemon starts (1)")
    parser.add_argument("--idle-s", type=float, default=20.0, metavar="N", help="seconds of idleness (20)")
    parser.add_argument("--place", type=Path, default=Path("/var/tmp"), metavar="DIR", help="where (/var/tmp)")
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/performance.md")
    return parser


def main() -> None:
    """Measure what is asked for, and say which targets were held."""
    parser = arguments()
    options = parser.parse_args()
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    effort = Effort(options.rounds, options.starts, options.idle_s, today)
    # Of other tools nothing is measured here.
    run = replace(read(), measured=(), breakdown=())
    wanted = chosen(options)
    if not wanted:
        parser.error("no project has such a size and such a step")
    for workload, n in wanted:
        entry = measure(workload, n, options.steps, effort, options.place)
        run = merged(run, entry)
        if options.record:
            write(merged(read(), entry))
            PAGE.write_text(page(read()))
    print("", *verdicts(run), sep="\n")


if __name__ == "__main__":
    main()
