"""Plays a script in a real workspace and holds every build against the oracle and the model."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from tests.campaign.files import Files, files_of
from tests.campaign.model import Expectation, Model, health_of
from tests.campaign.oracle import Oracle, Table, read
from tests.campaign.owners import Owner, in_process
from tests.campaign.script import Script, Version, versions
from tests.scenarios.harness import compare_with_clean, write

from relspec.app.documents import Document
from relspec.core.layout import Layout
from relspec.edges.engine.publish import REVISION_VIEW


class DifferenceError(Exception):
    """A build did not say or leave what it had to. `played` are the versions up to it, with what was expected."""

    def __init__(self, message: str, played: "tuple[Played, ...]") -> None:
        super().__init__(message)
        self.played = played


@dataclass(frozen=True, slots=True)
class Played:
    """One version: the files that changed, what was expected of its build, and whether the owner began anew before."""

    files: dict[str, str | None]
    expected: Expectation
    restart: bool


Owning = Callable[[Path], AbstractAsyncContextManager[Owner]]


async def play(script: Script, root: Path, tally: Counter[str], owning: Owning = in_process) -> None:
    """Play a script below `root`; raises DifferenceError at the first build that differs."""
    (root / "tasks").mkdir(parents=True)
    with closing(Oracle(root)) as oracle, closing(duckdb.connect()) as reader:
        player = _Player(root, oracle, reader, tally)
        for life in _lives(script):
            async with owning(root) as owner:
                for version in life:
                    await player.step(owner, version)
        health = player.played[-1].expected.health
        try:
            await compare_with_clean(root, root.with_name(root.name + "-clean"), {*health.failed, *health.blocked})
        except AssertionError as error:
            raise DifferenceError(f"a clean build differs: {error}", tuple(player.played)) from error
    tally["scripts"] += 1


def _lives(script: Script) -> Iterator[list[Version]]:
    """The versions, each list built by one owner of the state."""
    life: list[Version] = []
    for version in versions(script):
        if version.restart and life:
            yield life
            life = []
        life.append(version)
    yield life


@dataclass
class _Player:
    root: Path
    oracle: Oracle
    reader: duckdb.DuckDBPyConnection
    tally: Counter[str]
    model: Model = field(default_factory=Model)
    files: Files = field(default_factory=dict)
    played: list[Played] = field(default_factory=list)

    async def step(self, owner: Owner, version: Version) -> None:
        """Write a version, build it twice, and compare everything."""
        if version.restart:
            self.model.restart()
        project = version.project
        files = files_of(project)
        changed = self._written(files, touched=version.touched)
        write(self.root, changed)
        document = await owner.build()
        health = health_of(project, version.drifted)
        tables = self.oracle.tables(project, files, health.order)
        expected = self.model.step(project, files, tables, health)
        self.played.append(Played(changed, expected, version.restart))
        differences = [*_said(document, expected), *_unlike_states(await owner.states(), expected)]
        if owner.at_once:
            differences += _ran(document, expected)
        elif len(changed) == 1:
            differences += _moved(document, expected)
        differences += self._shown(version, tables, expected)
        again = await owner.build()
        differences += [f"built again, {k} {again[k]}" for k in ("executed", "restored", "recompiled") if again[k]]
        if differences:
            edits = ", ".join(version.edits)
            raise DifferenceError(f"version {len(self.played)} ({edits}): {'; '.join(differences)}", tuple(self.played))
        self._count(version, document)

    def _written(self, files: Files, *, touched: bool) -> dict[str, str | None]:
        changed: dict[str, str | None] = {p: t for p, t in files.items() if touched or self.files.get(p) != t}
        changed |= {path: None for path in self.files if path not in files}
        self.files = files
        return changed

    def _shown(self, version: Version, tables: dict[str, Table], expected: Expectation) -> list[str]:
        """Compare what readers see with what has to be there: the broken keep the last that they had."""
        project, health = version.project, expected.health
        broken = health.failed | health.blocked
        wanted = {n: t for n, t in tables.items() if n not in broken}
        wanted |= {n: self.model.tables[n] for n in self.model.current if n in broken}
        blind = {t.name for t in project.tasks if not t.is_stored and t.name in broken}
        self.reader.execute(f"attach '{Layout(self.root).views}' as shown (read_only)")
        try:
            self.reader.execute("use shown")
            names = {
                r[0] for r in self.reader.execute("select view_name from duckdb_views() where not internal").fetchall()
            }
            found = [] if names - blind == wanted.keys() | {REVISION_VIEW} else [f"shown are {sorted(names)}"]
            for name in sorted(wanted.keys() & names):
                found += _unlike(name, read(self.reader, name), wanted[name])
        finally:
            self.reader.execute("use memory")
            self.reader.execute("detach shown")
        return found

    def _count(self, version: Version, document: Document) -> None:
        self.tally["builds"] += 2
        self.tally["edits"] += len(version.edits)
        for key in ("executed", "restored", "recompiled", "blocked", "failed"):
            self.tally[key] += len(document[key])
        for edit in version.edits:
            self.tally[f"edit: {edit.rpartition(' ')[0]}"] += 1


def _said(document: Document, expected: Expectation) -> list[str]:
    """What is broken."""
    health = expected.health
    lists = {"failed": sorted(health.failed), "blocked": sorted(health.blocked)}
    found = [f"{k} {document[k]}, not {v}" for k, v in lists.items() if document[k] != v]
    broken = bool(health.failed or health.blocked)
    if bool(document["problems"]) != broken or document["ok"] == broken:
        found.append("problems")
    if found and document["problems"]:
        found.append(f"problems are {document['problems']}")
    return found


def _ran(document: Document, expected: Expectation) -> list[str]:
    """What ran."""
    lists = {"executed": expected.executed, "restored": expected.restored}
    ran, known = {*document["executed"], *document["restored"]}, expected.either | expected.perhaps
    said = {k: tuple(name for name in document[k] if name not in known) for k in lists}
    found = [f"{k} {document[k]}, not {list(v)}" for k, v in lists.items() if said[k] != v]
    found += [f"{name} neither executed nor restored" for name in sorted(expected.either - ran)]
    recompiled = set(document["recompiled"])
    if expected.recompiled is not None and not {*expected.recompiled} <= recompiled <= {*(expected.at_most or ())}:
        found.append(f"recompiled {sorted(recompiled)}, not {expected.recompiled} up to {expected.at_most}")
    return found


def _moved(document: Document, expected: Expectation) -> list[str]:
    """What ran or came back: which of both it was follows from builds between two writes, which nobody saw."""
    ran, wanted = {*document["executed"], *document["restored"]}, {*expected.executed, *expected.restored}
    wanted |= expected.either
    return [] if wanted == ran - expected.perhaps else [f"executed or restored {sorted(ran)}, not {sorted(wanted)}"]


def _unlike_states(found: dict[str, str], expected: Expectation) -> list[str]:
    health = expected.health
    wanted = dict.fromkeys(health.order, "fresh") | dict.fromkeys(health.failed, "failed")
    wanted |= dict.fromkeys(health.blocked, "blocked")
    return [] if found == wanted else [f"states {found}, not {wanted}"]


def _unlike(name: str, found: Table, wanted: Table) -> list[str]:
    if found.columns != wanted.columns:
        return [f"{name} has the columns {found.columns}, not {wanted.columns}"]
    rows = Counter(map(repr, found.rows)), Counter(map(repr, wanted.rows))
    if rows[0] == rows[1]:
        return []
    return [f"{name} has too many {dict(rows[0] - rows[1])} and lacks {dict(rows[1] - rows[0])}"]
