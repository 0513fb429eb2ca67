"""Compares the calls of the code property graph with those that really happen while tests run.

    python -m tests.cpg.traced [PYTEST ARGUMENT ...]

Runs tests under `sys.setprofile` in a process of its own, builds the graph of `src/relspec` by the tool, and asks of
each call that has an edge and was executed whether the edge's definition was among what it reached (precision), and of
each definition in there that a call reached whether an edge says so (recall). Beside each method stands how
sure the tasks are on average. What is behind a decorator is counted apart: it cannot be seen from the call.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from tests.cpg.replay import lay_out
from tests.cpg.tracing import ANYWHERE, Callee, Site
from tests.promises.page import record
from tests.scenarios.harness import build

from relspec.app.workspace import open_workspace
from relspec.core.layout import Layout

ROOT = Path(__file__).resolve().parents[2]
RELSPEC = ROOT / "src" / "relspec"
TESTS = ("tests/core", "tests/edges/engine/test_analyse.py", "tests/edges/loader/test_types.py")
#: So many edges that nobody took are shown.
SHOWN = 30

CALLS = """
    select call_id, src.path, s.lineno, s.end_lineno, s.end_col, callee_shape, callee_dotted
    from calls join cpg_spans as s on s.node_id = call_id join src_files as src using (file_id)
"""
DEFS = """
    select def_id, src.path, s.lineno, qualname, kind, decorator_count
    from defs join cpg_spans as s on s.node_id = def_id join src_files as src using (file_id)
"""
EDGES = "select src, dst, method, confidence from rel_call_callee order by all"


class Call(NamedTuple):
    """A call with the lines of its text."""

    id: str
    path: str
    line: int
    end_line: int
    end_col: int
    shape: str
    dotted: str | None


class Def(NamedTuple):
    """A definition, at its own line, which is below its decorators."""

    id: str
    path: str
    line: int
    qualname: str
    kind: str
    n_decorators: int


class Edge(NamedTuple):
    """What the tasks say that a call reaches."""

    call: str
    callee: str
    method: str
    confidence: float


@dataclass
class Judged:
    """What became of the edges of executed calls, by method, and of what calls reached, by why no edge says so."""

    seen: dict[str, list[Edge]] = field(default_factory=lambda: defaultdict(list))
    unseen: dict[str, list[tuple[str, Call, Def, set[str]]]] = field(default_factory=lambda: defaultdict(list))
    sureness: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    right: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)
    behind: Counter[str] = field(default_factory=Counter)
    found: int = 0
    missed: Counter[str] = field(default_factory=Counter)


class Graph:
    """The calls, definitions and edges of a build, and what of a trace each of them is."""

    def __init__(self, tables: duckdb.DuckDBPyConnection, seen: Mapping[Site, set[Callee]], prefix: str) -> None:
        def cut(path: str) -> str:
            return path.removeprefix(prefix)

        self.calls = {row[0]: Call(row[0], cut(row[1]), *row[2:]) for row in tables.execute(CALLS).fetchall()}
        self.defs = {row[0]: Def(row[0], cut(row[1]), *row[2:]) for row in tables.execute(DEFS).fetchall()}
        self.edges: dict[str, list[Edge]] = defaultdict(list)
        for row in tables.execute(EDGES).fetchall():
            self.edges[row[0]].append(Edge(*row))
        self._named: dict[tuple[str, str], list[Def]] = defaultdict(list)
        for definition in sorted(self.defs.values(), key=lambda found: found.line):
            self._named[definition.path, definition.qualname].append(definition)
        self._seen = seen

    def reached(self, call: Call) -> list[Callee]:
        """All that was reached at a call itself."""
        return sorted(self._seen.get(Site(call.path, call.end_line, call.end_col), ()))

    def started(self, call: Call) -> list[Callee]:
        """The generators and coroutines that started on its lines."""
        lines = range(call.line, call.end_line + 1)
        return sorted({callee for line in lines for callee in self._seen.get(Site(call.path, line, ANYWHERE), ())})

    def definitions(self, callee: Callee) -> set[str]:
        """The ids of the function that was reached, and of the class that it made an object of."""
        named = self._named.get((callee.path, callee.qualname.replace(".<locals>", "")), ())
        # Its first line is that of its first decorator: of several of this name it is the next one from there.
        function = [found.id for found in named if found.kind != "class" and found.line >= callee.line][:1]
        made = self._named.get((callee.made_path, callee.made.replace(".<locals>", "")), ()) if callee.made else ()
        return {*function, *(found.id for found in made if found.kind == "class")}


def judge(graph: Graph) -> Judged:
    """Compare the edges with the trace."""
    judged = Judged()
    for call in graph.calls.values():
        reached = graph.reached(call)
        weigh(graph, call, reached, judged)
        edges = {edge.callee for edge in graph.edges.get(call.id, ())}
        for callee in reached:
            ids = graph.definitions(callee) if callee.is_direct else set()
            judged.found += bool(ids & edges)
            if ids and not ids & edges:
                judged.missed["another than its edges lead to" if edges else why_missed(call, callee)] += 1
    return judged


def weigh(graph: Graph, call: Call, reached: list[Callee], judged: Judged) -> None:
    """See which of the edges of one call were taken; one that was not executed tells nothing."""
    edges = graph.edges.get(call.id, [])
    at_call = {id_ for callee in reached for id_ in graph.definitions(callee)}
    started = {id_ for callee in graph.started(call) for id_ in graph.definitions(callee)}
    taken = [edge for edge in edges if edge.callee in at_call | started]
    if not edges or not (reached or taken):
        return
    method = edges[0].method
    if not taken and any(graph.defs[edge.callee].n_decorators for edge in edges):
        judged.behind[method] += 1
        return
    judged.sites[method] += 1
    judged.right[method] += bool(taken)
    judged.sureness[method] += [edge.confidence for edge in edges]
    judged.seen[method] += taken
    names = {callee.qualname for callee in reached}
    judged.unseen[method] += [
        (why_unseen(graph.defs[edge.callee], bool(taken), names), call, graph.defs[edge.callee], names)
        for edge in edges
        if edge not in taken
    ]


def why_unseen(definition: Def, is_other_taken: bool, names: set[str]) -> str:
    """Say why an edge was not taken."""
    last = definition.qualname.rpartition(".")[2]
    if is_other_taken:
        return "another of several definitions"
    if any(name.rpartition(".")[2] == last for name in names):
        return "overridden by another class"
    return "something else"


def why_missed(call: Call, callee: Callee) -> str:
    """Say what a call without an edge is."""
    if call.shape == "other":
        return "what another expression gives"
    if call.shape == "attr":
        return "an attribute of a value"
    return "a name that holds a value" if callee.made == "" else "a name that holds a class"


def trace(arguments: Iterable[str], folder: Path) -> dict[Site, set[Callee]]:
    """Run pytest in a process of its own, and note what the files of a folder call."""
    with tempfile.TemporaryDirectory(prefix="relspec-traced-") as aside:
        out = Path(aside) / "seen.json"
        words = [sys.executable, "-m", "tests.cpg.tracing", str(out), str(folder), *arguments]
        done = subprocess.run(words, cwd=ROOT, check=False)
        # What a test that fails has called is as true: under a profile some take too long.
        assert done.returncode in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}, words
        rows = json.loads(out.read_text())
    return {Site(*site): {Callee(*callee) for callee in callees} for site, callees in rows}


async def graph_of(root: Path, folder: Path) -> None:
    """Build the graph of a folder, by its name, in a project of its own."""
    lay_out(root)
    for source in sorted(folder.rglob("*.py")):
        target = root / "tree" / folder.name / source.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        document = await build(workspace)
        assert document["problems"] == [], document["problems"]


def told(judged: Judged) -> list[str]:
    """The figures, a line for each method and one for what no edge says."""
    lines = []
    for method in sorted(judged.sites):
        n, sure = judged.sites[method], judged.sureness[method]
        reasons = Counter(reason for reason, *_ in judged.unseen[method])
        why = "".join(f"; {count} {reason}" for reason, count in sorted(reasons.items()))
        lines.append(
            f"{method}: {n} calls executed, {judged.right[method] / n:.1%} reached one of their definitions, "
            f"{len(judged.seen[method]) / len(sure):.1%} of {len(sure)} edges taken, "
            f"sure of {sum(sure) / len(sure):.1%}{why}; {judged.behind[method]} more behind decorators"
        )
    n_missed = sum(judged.missed.values())
    why = ", ".join(f"{count} {reason}" for reason, count in judged.missed.most_common())
    lines.append(f"recall {judged.found / (judged.found + n_missed):.1%} of {judged.found + n_missed}: missed {why}")
    return lines


def main() -> int:
    """Trace, build, compare and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.cpg.traced", description=__doc__)
    parser.add_argument("tests", nargs="*", default=TESTS, metavar="PYTEST ARGUMENT", help="some quick tests")
    parser.add_argument("--folder", type=Path, default=RELSPEC, metavar="DIR", help="a package (src/relspec)")
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/reliability.md")
    options = parser.parse_args()
    folder = options.folder.resolve()
    seen = trace(options.tests, folder)
    with tempfile.TemporaryDirectory(prefix="relspec-traced-") as aside:
        root = Path(aside) / "project"
        root.mkdir()
        asyncio.run(graph_of(root, folder))
        with duckdb.connect(root / "state" / "relspec.duckdb", read_only=True) as tables:
            judged = judge(Graph(tables, seen, f"tree/{folder.name}/"))
    for method, unseen in judged.unseen.items():
        for reason, call, definition, names in unseen[:SHOWN]:
            print(
                f"{call.path}:{call.line} {call.dotted} -> {definition.qualname}: {method}, {reason}: {sorted(names)}"
            )
    lines = told(judged)
    print(*lines, sep="\n")
    if options.record:
        record("cpg.traced", "cpg.traced", "; ".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
