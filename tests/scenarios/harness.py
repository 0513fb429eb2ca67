"""Scenarios as data: several versions of a project's files, and after each edit the exact lists of what happened.

    # What this scenario shows.
    --- tasks/totals.sql
    select sum(amount) as total from orders
    --- data/orders.parquet
    select 1 as id, 2.5 as amount          (a Parquet file is given as the query that makes it)
    === edit
    --- tasks/totals.sql
    ...
    --- tasks/old.sql deleted
    --- watch.toml touched
    --- tasks copied src/cpg               (a folder of this repository, with all that is in it)
    === expect
    recompiled: totals
    executed:
    cut_off:
    restored:

`=== restart` in place of `=== edit` ends the owner of the project and opens it again before the files are written. A
query for a Parquet file may be followed by a line `with` and options of COPY.

After the last edit every table is compared, as a bag and by schema, with that of a clean build of the same files.
"""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest.mock import patch

import duckdb

from relspec.app.documents import Document, build_document
from relspec.app.machine import RealMachine
from relspec.app.warnings import all_warnings, warnings_of
from relspec.app.workspace import Workspace, open_workspace
from relspec.core.layout import Layout
from relspec.core.settings import Settings
from relspec.edges.engine.pool import EnginePool
from relspec.edges.loader.client import ForkingLoader

#: What an expectation has to say of what was done.
LISTS = ("recompiled", "executed", "restored", "cut_off")
#: Empty where an expectation gives all of these lists and not this one.
TROUBLE = ("blocked", "failed", "problems")
#: In place of a text: the file as it is, with another time.
TOUCHED = "touched"
#: In place of a text, before the name of what the repository itself has there.
COPIED = "copied "
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Step:
    """One version of some files (`None` deletes), and what a build of it has to say."""

    files: dict[str, str | None]
    expected: dict[str, list[str]]
    line: int
    restart: bool


def parse(text: str) -> list[Step]:
    """Read a scenario file."""
    steps: list[Step] = []
    files: dict[str, str | None] = {}
    expected: dict[str, list[str]] = {}
    current: list[str] | None = None
    section, start, restart = "files", 1, False
    for number, line in enumerate([*text.splitlines(), "=== end"], 1):
        if line.startswith("=== "):
            verb = line[4:].strip()
            if verb in {"edit", "restart", "end"}:
                steps.append(Step(files, expected, start, restart))
                files, expected, start, restart = {}, {}, number, verb == "restart"
            section, current = ("expect" if verb == "expect" else "files"), None
        elif line.startswith("--- "):
            name, _, flag = line[4:].partition(" ")
            current = None if flag else []
            files[name] = flag if flag.startswith(COPIED) else {"deleted": None, "touched": TOUCHED, "": ""}[flag]
            path = name
        elif section == "files" and current is not None:
            current.append(line)
            files[path] = "\n".join(current) + "\n"
        elif section == "expect" and line.strip():
            key, _, names = line.partition(":")
            expected[key.strip()] = sorted(names.replace(",", " ").split())
    return steps


def write(root: Path, files: dict[str, str | None]) -> None:
    """Bring files to a version, as an editor would: a new file in place of the old one."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink()
            continue
        if text == TOUCHED:
            os.utime(path)
            continue
        if text.startswith(COPIED):
            source = ROOT / text.removeprefix(COPIED)
            shutil.copytree(source, path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            continue
        temporary = path.with_name(f".{path.name}.new")
        if path.suffix == ".parquet":
            query, _, options = text.partition("\nwith ")
            connection().execute(f"copy ({query}) to '{temporary}' (format parquet{options and ', ' + options})")
        else:
            temporary.write_text(text)
        temporary.replace(path)


@dataclass(frozen=True, slots=True)
class Children:
    """Engines and a warm loader parent that several projects use one after the other: starting them is what costs."""

    engines: EnginePool
    loader: ForkingLoader

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let a machine take these in place of children of its own."""

        def loader(machine: RealMachine, settings: Settings) -> nullcontext[ForkingLoader]:
            assert (settings.limits, settings.timezone) == (Settings().limits, Settings().timezone), "start your own"
            self.loader.project = ForkingLoader(machine.layout, settings).project
            return nullcontext(self.loader)

        if self.loader._functions_were_called:
            # A daemon has that done between saves.
            self.loader.expect_functions()
        with (
            patch("relspec.app.machine.EnginePool", lambda *_: nullcontext(self.engines)),
            patch.object(RealMachine, "loader", loader),
        ):
            yield


@asynccontextmanager
async def open_children(temporary: Path) -> AsyncIterator[Children]:
    """Start engines and a loader of the default settings."""
    settings = Settings()
    async with (
        EnginePool(settings.limits, settings.timezone, temporary) as engines,
        ForkingLoader(Layout(temporary), settings) as loader,
    ):
        yield Children(engines, loader)


async def build(workspace: Workspace) -> Document:
    """Look at everything and build; the document of `build`. The warnings are those of all plans taken together."""
    report = await workspace.build(await workspace.look_all())
    if workspace.world.extractions.answers:
        # As a daemon does between saves: else each build has a child that imports all that extractors need.
        workspace.prepare()
    assert warnings_of(workspace.world) == all_warnings(workspace.world)
    return build_document(workspace.world, [report.record], report.problems, None)


async def replay(text: str, root: Path) -> None:
    """Play a scenario; raises AssertionError at the first step that went otherwise than expected."""
    steps = parse(text)
    (root / "tasks").mkdir(parents=True)
    async with AsyncExitStack() as stack:
        workspace = await stack.enter_async_context(open_workspace(Layout(root), lambda _: None))
        for step in steps:
            if step.restart:
                await stack.aclose()
                workspace = await stack.enter_async_context(open_workspace(Layout(root), lambda _: None))
            write(root, step.files)
            document = await build(workspace)
            # Who gives the lists of what was done has said all: nothing else may be wrong.
            exact = {key: [] for key in TROUBLE} if step.expected.keys() >= set(LISTS) else {}
            expected = {**exact, **step.expected}
            found = {key: listed(document, key) for key in expected}
            assert found == expected, f"line {step.line}: {document}"
        blocked = {t for key in ("blocked", "failed") for t in document[key]}
    await compare_with_clean(root, root.with_name(root.name + "-clean"), blocked)


def listed(document: Document, key: str) -> list[str]:
    """What the document lists under a key; problems by their code."""
    return sorted(p["code"] for p in document["problems"]) if key == "problems" else document[key]


async def compare_with_clean(root: Path, clean: Path, broken: set[str]) -> None:
    """Build the same files in a fresh folder and compare every table that is not broken."""
    shutil.copytree(root, clean, ignore=shutil.ignore_patterns("state"))
    async with open_workspace(Layout(clean), lambda _: None) as workspace:
        document = await build(workspace)
        bad = {t for key in ("blocked", "failed") for t in document[key]}
        assert bad == broken, f"{sorted(bad)} are broken, not {sorted(broken)}: {document['problems']}"
        outputs = [s.output for s in workspace.world.catalog.by_name.values() if s.name not in broken]
    gone = {s.output for s in workspace.world.catalog.by_name.values() if s.name in broken}
    with both(root, clean) as reader:
        seen, other = shown(reader, "a", root), shown(reader, "b", clean)
        assert seen - gone == other - gone, f"{sorted(seen)}, not {sorted(other)}"
        for output in outputs:
            found = differences(reader, output)
            assert found == [], f"{output}: {found}"


@cache
def connection() -> duckdb.DuckDBPyConnection:
    """One database for all that needs none of its own: opening one takes 20 ms. It keeps nothing of files."""
    return duckdb.connect(config={"enable_external_file_cache": "false"})


@contextmanager
def both(root: Path, clean: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Read what two projects show, as `a` and `b`."""
    with connection().cursor() as reader:
        for name, place in (("a", root), ("b", clean)):
            reader.execute(f"attach '{place / 'state' / 'relspec.duckdb'}' as {name} (read_only)")
        try:
            yield reader
        finally:
            for name in ("a", "b"):
                reader.execute(f"detach {name}")


def shown(reader: duckdb.DuckDBPyConnection, name: str, root: Path) -> set[str]:
    """The names of all tables that users see, in either of the two places."""
    query = "select view_name from duckdb_views() where not internal and database_name = ?"
    views = reader.execute(query, [name]).fetchall()
    return {name for (name,) in views} | {path.stem for path in (root / "state" / "tables").iterdir()}


def differences(reader: duckdb.DuckDBPyConnection, output: str) -> list[tuple[object, ...]]:
    """Rows and columns in which a table differs between two projects, both ways."""
    shapes = [reader.execute(f'describe select * from {n}."{output}"').fetchall() for n in ("a", "b")]
    if shapes[0] != shapes[1]:
        return [("schema", shapes)]
    found: list[tuple[object, ...]] = []
    for one, other in (("a", "b"), ("b", "a")):
        query = f'select * from {one}."{output}" except all select * from {other}."{output}"'
        found += reader.execute(query).fetchall()
    return found
