"""Measures the code property graph over large trees of Python source.

    python -m tests.bench.code_graph --trees own stdlib django sympy sqlglot --rounds 3

Each tree is copied, a daemon builds its graph from nothing, and then one file is edited in several ways, each edit
undone before the next. `own` is this repository's `src`, `stdlib` the standard library of the running Python, anything
else an installed package. Sizes, violations, times and memory go to a table; with `--record` to docs/code-graph.md.
"""

import argparse
import importlib.util
import os
import shutil
import statistics
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
from tests.bench.daemon import Daemon
from tests.bench.edited import ROUNDS_MAX, Edit, Places, edits, places
from tests.bench.project import save
from tests.cpg.replay import lay_out, violations

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "code-graph.md"
#: What stands between these lines is written by this command.
BEGIN, END = "<!-- measured -->\n", "<!-- end -->\n"
#: The file to edit is about so large: the one in the middle of those that have all places.
EDITED_BYTES = range(4_000, 40_000)


@dataclass(frozen=True, slots=True)
class Cost:
    """One edit: median wall time and CPU of the daemon with its children, in milliseconds, and how many tasks ran."""

    wall_ms: float
    cpu_ms: float
    executed: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One tree: its sizes by name, seconds of a cold build, most memory of all processes, and the costs of edits."""

    tree: str
    sizes: dict[str, int]
    resolved: float
    cold_s: float
    peak_mb: float
    costs: dict[str, Cost]


def root_of(tree: str) -> Path:
    """The folder of a tree; a package that is not installed ends the program."""
    if tree == "own":
        return ROOT / "src" / "relspec"
    if tree == "stdlib":
        return Path(sysconfig.get_paths()["stdlib"])
    spec = importlib.util.find_spec(tree)
    if spec is None or spec.origin is None:
        sys.exit(f"{tree} is not installed; install it, for example with: pip install {tree}")
    return Path(spec.origin).parent


def copied(tree: str, root: Path) -> None:
    """Lay the project out with a copy of the tree's Python files."""
    lay_out(root)
    source = root_of(tree)
    target = root / "tree" if tree == "stdlib" else root / "tree" / source.name
    for path in sorted(source.rglob("*.py")):
        if "site-packages" not in path.relative_to(source).parts and path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def edited(root: Path) -> tuple[Path, Places]:
    """The file to edit, and where."""
    found = []
    for path in sorted((root / "tree").rglob("*.py")):
        if path.stat().st_size in EDITED_BYTES and "test" not in path.as_posix():
            at = _places(path)
            found += [] if at is None else [(path.stat().st_size, path, at)]
    found.sort(key=lambda each: each[:2])
    return found[len(found) // 2][1:]


def _places(path: Path) -> Places | None:
    try:
        return places(path.read_text())
    except (SyntaxError, UnicodeDecodeError, ValueError):
        return None


def measure(tree: str, rounds: int) -> Measured:
    """Build the graph of one tree and edit a file in it."""
    with tempfile.TemporaryDirectory(prefix="relspec-graph-", dir="/var/tmp") as folder:
        root = Path(folder) / "project"
        root.mkdir()
        copied(tree, root)
        path, at = edited(root)
        started = time.perf_counter()
        with Daemon(root) as daemon:
            cold_s = time.perf_counter() - started
            costs = {name: _cost(daemon, path, edit, rounds) for name, edit in edits(at).items()}
            sizes, resolved = _sizes(root)
            return Measured(tree, sizes, resolved, cold_s, daemon.peak_mb, costs)


def _cost(daemon: Daemon, path: Path, edit: Edit, rounds: int) -> Cost:
    before = path.read_text()
    walls, cpus, counts = [], [], []
    for number in range(1, rounds + 1):
        cpu = daemon.cpu_ms()
        wall, outcome = daemon.answered(partial(save, path, edit(before, number)))
        walls.append(wall)
        cpus.append(daemon.cpu_ms() - cpu)
        counts.append(len(outcome["executed"]))
        daemon.answered(partial(save, path, before))
    # Of a later round some tasks may be known from the first one.
    return Cost(statistics.median(walls), statistics.median(cpus), counts[0])


def _sizes(root: Path) -> tuple[dict[str, int], float]:
    tables = root / "state" / "tables"
    queries = {
        "files": f"select count(*) from '{tables}/cpg_nodes.parquet' where node_kind = 'MODULE'",
        "nodes": f"select count(*) from '{tables}/cpg_nodes.parquet'",
        "edges": f"select count(*) from '{tables}/cpg_edges.parquet'",
        "properties": f"select count(*) from '{tables}/cpg_props.parquet'",
        "calls": f"select count(*) from '{tables}/cpg_nodes.parquet' where node_kind = 'CALL'",
    }
    with duckdb.connect() as connection:
        sizes = {name: _number(connection, query) for name, query in queries.items()}
        calling = f"select count(distinct src_node_id) from '{tables}/cpg_edges.parquet' where edge_kind = 'CALLS'"
        resolved = _number(connection, calling) / sizes["calls"]
    sizes["violations"] = sum(n for _, n in violations(root))
    return sizes, resolved


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    (row,) = connection.execute(query).fetchall()
    return int(row[0])


def table(measured: list[Measured]) -> Iterator[str]:
    """Write the figures as Markdown."""
    yield from _rows(["", *(m.tree for m in measured)], measured, first=True)
    for name in measured[0].sizes:
        yield from _rows([name, *(f"{m.sizes[name]:,}" for m in measured)], measured)
    yield from _rows(["calls resolved to a definition", *(f"{m.resolved:.1%}" for m in measured)], measured)
    yield from _rows(["cold build, s", *(f"{m.cold_s:.1f}" for m in measured)], measured)
    yield from _rows(["most memory of all processes, MB", *(f"{m.peak_mb:.0f}" for m in measured)], measured)
    for name in measured[0].costs:
        costs = [m.costs[name] for m in measured]
        yield from _rows(
            [f"{name}: ms (CPU ms), executed", *(f"{c.wall_ms:.0f} ({c.cpu_ms:.0f}), {c.executed}" for c in costs)],
            measured,
        )


def _rows(cells: list[str], measured: list[Measured], *, first: bool = False) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"
    if first:
        yield f"|---{'|---:' * len(measured)}|"


def record(lines: list[str]) -> None:
    """Put the table into the page, in place of the last one."""
    text = PAGE.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n\n{END}{tail}")


def main() -> int:
    """Measure the trees that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.code_graph", description=__doc__)
    parser.add_argument("--trees", nargs="+", default=["own", "stdlib"], metavar="NAME", help="own and stdlib")
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        metavar="N",
        choices=range(1, ROUNDS_MAX + 1),
        help="how often each edit is made (3)",
    )
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/code-graph.md")
    options = parser.parse_args()
    measured = []
    for tree in options.trees:
        measured.append(measure(tree, options.rounds))
        print("\n".join(table(measured[-1:])), flush=True)
    version = ".".join(map(str, sys.version_info[:3]))
    lines = [f"Python {version}, {os.cpu_count()} cores, load {os.getloadavg()[1]:.1f}.", "", *table(measured)]
    print("\n".join(lines))
    if options.record:
        record(lines)
    return int(any(m.sizes["violations"] for m in measured))


if __name__ == "__main__":
    sys.exit(main())
