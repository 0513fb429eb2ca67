"""The page of figures, `docs/performance.md`: `python -m tests.bench.report` writes it anew from what is recorded."""

from collections.abc import Iterator, Sequence

from tests.bench.figures import Row
from tests.bench.record import ROOT, Book, Entry, Peer, Stage, read
from tests.bench.steps import BY_NAME as STEPS
from tests.bench.steps import STEPS as IN_ORDER
from tests.bench.targets import TARGETS, Target, held
from tests.bench.workloads import WORKLOADS

PAGE = ROOT / "docs" / "performance.md"

_HEAD = """# Performance

What a save costs, and what the same work costs in plain DuckDB. The figures are of the last runs of

    python -m tests.bench --all --record

which writes them into `docs/performance.json`, and this page from there. Milliseconds are those of one machine, which
does nothing else; ratios are within one run, and can be compared with those of another machine. That machine is a
virtual one, whose neighbours make it up to three times slower from one day to the next, plain DuckDB more so than the
rest: compare what was measured on one day, which stands above each table.
[Ways to speed](speed.md) tells what was done for it, what that gained, and what gained nothing.

- **p50**, **p99**: of the wall time over all rounds. With fewer than a hundred rounds p99 is the slowest, often the
  first one after a start. What a step is measured from and to stands [below](#steps).
- **CPU**: of the daemon, all its children and, with a command, its process, until 0.3 s after the daemon was ready; of
  a start until nothing moves. Of children that ended the kernel tells ticks of 10 ms only, so that part is a mean over
  the rounds; the rest is a median of nanoseconds.
- **memory**: the most of all processes together, shared pages counted once (PSS). It is taken after each round, and
  twice a second while something lasts longer.
- **executed**: tasks whose query ran in one round. The run ends when these are not exactly the tasks that have to.
- **floor**: one warm DuckDB in one process, on one thread, executes the same statements of the tasks that have to run
  to Parquet; each file is renamed and fsynced, then the folder. Before it lies the same idle gap as before the edit.
  Where nothing has to run there is none, apart from a data file: there it reads the columns that tasks read once.
"""

_PEERS = """## Other tools

The very same tasks in SQL over the same file, from the command line and in a process that is kept warm, which is the
fair comparison for a daemon. After each step the tables at and below the edit are compared with those of plain DuckDB.
Compare CPU: these runs last long, and wall times drift on a machine that does other things.

- SQLMesh applies its plan; dbt runs `state:modified+` against the manifest of the last run, whose copy is not counted;
  Hamilton executes all finals with its cache. It gets a fingerprint for Arrow tables and one connection for all
  functions, both in its favour.
- None of them looks at the data file, and Hamilton syncs nothing to the disk.
- `status` is `sqlmesh diff`, `dbt ls --select state:modified+`, and the list of Hamilton's variables."""

_REPEAT = """
## How to repeat

    python -m tests.bench                                # each project in its smallest size
    python -m tests.bench --workloads sql --sizes 1000 --steps leaf "cone 100" --rounds 30
    python -m tests.bench --all --record                 # everything, into this page
    python -m tests.bench.breakdown --sizes 1000 10000 --record   # the stages of a save
    python -m tests.bench.peers --tasks 1000 --record    # other tools, in environments of their own
    python -m tests.bench.report                         # this page anew

| option | default | meaning |
|---|---|---|
| `--workloads NAME ...` | all | only these projects |
| `--sizes N ...` | the smallest | those of these that a project has; where one project alone is named, just these |
| `--all` | off | every size of each project |
| `--steps NAME ...` | all | only these steps, of those that a project has |
| `--rounds N` | 15 | how often each edit and command is made; beyond fifty tasks a third of that, at least three |
| `--starts N` | 1 | how often a daemon starts, cold and warm |
| `--idle-s N` | 20 | seconds of idleness |
| `--place DIR` | `/var/tmp` | where the projects lie: on a disk, since fsync costs nothing in memory |
| `--record` | off | keep the figures, in place of those of the same steps, or of another machine or version |
"""


def page(book: Book) -> str:
    """The page as it has to be."""
    parts = [_HEAD, "\n".join(_targets(book)), *("\n".join(_workload(w.name, book)) for w in WORKLOADS)]
    parts += ["\n".join(_peers(book.peers)), "\n".join(_breakdown(book.breakdown)), "\n".join(_steps())]
    return "\n".join(part for part in parts if part) + "\n" + _REPEAT


def _targets(book: Book) -> Iterator[str]:
    yield from ("## Targets", "", "| what | at most | measured | |", "|---|---:|---:|---|")
    verdicts = {True: "held", False: "**missed**", None: "not measured"}
    for target in TARGETS:
        found = target.found(book)
        told = "" if found is None else amount(found, target.unit)
        yield f"| {target.what} | {limit(target)} | {told} | {verdicts[held(target, book)]} |"
    yield ""


def limit(target: Target) -> str:
    """What a target allows."""
    return f"{target.at_most:,g} {target.unit}" if target.against is None else f"{target.at_most:.3g} times {target.of}"


def amount(found: float, unit: str) -> str:
    """What was found, in the unit of a target."""
    if unit == "times":
        return f"{found:.2f}" if found >= 0.1 else f"{found:.4f}"
    return f"{_ms(found)} {unit}"


def _workload(name: str, book: Book) -> Iterator[str]:
    entries = [entry for entry in book.measured if entry.workload == name]
    if not entries:
        return
    yield from (f"## {name}", "", next(w.about for w in WORKLOADS if w.name == name))
    for entry in entries:
        yield from _entry(entry)


def _entry(entry: Entry) -> Iterator[str]:
    of = entry.machine
    yield from ("", f"### {entry.n:,} {entry.unit}", "")
    days = sorted({row.on for row in entry.rows})
    when = " to ".join(dict.fromkeys((days[0], days[-1])))
    yield f"{when}: {of.cpu}, {of.cores} cores, Python {of.python}, DuckDB {of.duckdb}."
    columns = ("step", "p50 ms", "p99 ms", "CPU ms", "memory MB", "executed", "floor ms", "its CPU ms", "p50 / floor")
    yield from ("", f"| {' | '.join((*columns, 'rounds'))} |", f"|---|{'---:|' * len(columns)}")
    for row in sorted(entry.rows, key=lambda row: _rank(row.step)):
        yield _line(row)
    yield ""


def _rank(step: str) -> int:
    return next((i for i, known in enumerate(IN_ORDER) if known.name == step), len(IN_ORDER))


def _line(row: Row) -> str:
    ratio = "" if not row.floor_ms else f"{row.wall_p50_ms / row.floor_ms:.2f}"
    cells = (
        row.step,
        *(_ms(each) for each in (row.wall_p50_ms, row.wall_p99_ms, row.cpu_ms)),
        "" if row.peak_mb is None else f"{row.peak_mb:,.0f}",
        f"{row.executed:,}",
        _ms(row.floor_ms),
        _ms(row.floor_cpu_ms),
        ratio,
        str(row.rounds),
    )
    return f"| {' | '.join(cells)} |"


def _ms(value: float | None) -> str:
    """Three digits are enough, and all before the point are shown."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _peers(peers: Sequence[Peer]) -> Iterator[str]:
    if not peers:
        return
    yield from (*_PEERS.splitlines(), "")
    yield from (
        "| tool | manner | tasks | step | wall ms | CPU ms | memory MB |",
        "|---|---|---:|---|---:|---:|---:|",
    )
    for p in peers:
        figures = f"{_ms(p.wall_ms)} | {_ms(p.cpu_ms)} | {p.peak_mb:,.0f}"
        yield f"| {p.tool} {p.version} | {p.manner} | {p.n_tasks:,} | {p.step} | {figures} |"
    yield ""


def _breakdown(stages: Sequence[Stage]) -> Iterator[str]:
    if not stages:
        return
    yield from ("## Where the time goes", "", "The stages of a step, as the daemon traces them.", "")
    yield from ("| project | tasks | step | stage | ms |", "|---|---:|---|---|---:|")
    for each in stages:
        yield f"| {each.workload} | {each.n_tasks:,} | {each.step} | {each.stage} | {_ms(each.ms)} |"
    yield ""


def _steps() -> Iterator[str]:
    yield from ("## Steps", "", "| step | what is done | measured |", "|---|---|---|")
    for step in STEPS.values():
        yield f"| {step.name} | {step.about} | {step.manner.value} |"


if __name__ == "__main__":
    PAGE.write_text(page(read()))
