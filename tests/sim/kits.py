"""One project's outside, simulated and real, so that the same contract is held against both."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import duckdb
from tests.sim import engines as simulated
from tests.sim.disk import Disk
from tests.sim.effects import Effects
from tests.sim.language import Table
from tests.sim.loader import SimLoader
from tests.sim.loop import SimLoop
from tests.sim.machine import EPOCH_S
from tests.sim.readers import Readers as SimReaders
from tests.sim.state import Memory, State
from tests.sim.state import Objects as SimObjects

from relspec.app.ports import Engines, Loader, ObjectStore, Store, ViewReaders
from relspec.core.dataset import Format, Stamp
from relspec.core.layout import Layout
from relspec.core.schema import Column, Schema
from relspec.core.settings import Limits, Settings
from relspec.core.work import Analyse, Execute, Intake, Intaken, PublishViews, ViewDefinition, ViewQuery
from relspec.edges.engine.pool import EnginePool
from relspec.edges.files.reading import stamp_of
from relspec.edges.loader.client import ForkingLoader
from relspec.edges.lock import prepare_state
from relspec.edges.objects import Objects
from relspec.edges.readers import Readers
from relspec.edges.store.database import Store as Database

Body = Callable[[Engines], Awaitable[None]]
LoaderBody = Callable[[Loader], Awaitable[None]]
#: How long an import may take here: a loaded machine takes a while for one that ends.
LOAD_S = 6.0


class Kit(Protocol):
    """What a contract is held against."""

    layout: Layout
    objects: ObjectStore
    readers: ViewReaders

    def run(self, body: Body) -> None: ...
    def load(self, body: LoaderBody) -> None: ...
    def store(self, session: int) -> Store: ...
    def write(self, name: str, text: str) -> None: ...
    def replace(self, source: str, target: str) -> None: ...
    def touch(self, name: str, mtime_ns: int) -> None: ...
    def stamp(self, name: str) -> Stamp: ...
    def stored(self, name: str) -> str: ...
    def rows(self, content: str) -> list[tuple[Any, ...]]: ...
    def shown(self, name: str) -> list[tuple[Any, ...]]: ...
    def reading(self) -> AbstractContextManager[None]: ...


class Unseen:
    """Nobody looks at what engines make."""

    def executed(self, name: str, table: Table) -> None:
        """Look away."""

    def published(self) -> None:
        """Look away."""


class SimKit:
    """The simulated outside."""

    def __init__(self) -> None:
        self.loop = SimLoop(random.Random(1), 100.0, 0.0)
        self.layout = Layout(Path("/project"))
        self.state = State()
        self.effects = Effects({}, die=self.loop.crash)
        self.disk = Disk(self._now_ns, 1_000)
        self.disk.make_folders("/project/tasks")
        self.objects = SimObjects(self.state, self.effects)
        self.readers: ViewReaders = SimReaders(self.state, self.effects)

    def _now_ns(self) -> int:
        self.loop.now += 0.001
        return int(EPOCH_S * 1e9) + int(self.loop.now * 1e9)

    def run(self, body: Body) -> None:
        """Run with simulated engines."""
        made = simulated.Engines(self.disk, self.state, self.effects, 0.01, Unseen())
        self.loop.run_until_complete(_call(body, made))

    def load(self, body: LoaderBody) -> None:
        """Run with a simulated loader."""
        made = SimLoader("/project", self.disk, self.effects, 0.01, LOAD_S)
        self.loop.run_until_complete(_call(body, made))

    def store(self, session: int) -> Store:
        """The database of one life."""
        return Memory(self.state, self.effects, lambda: 0.0)

    def write(self, name: str, text: str) -> None:
        """Write a file in place."""
        path = f"/project/{name}"
        if self.disk.has(path):
            self.disk.write(path, text.encode())
        else:
            self.disk.create(path, text.encode())

    def replace(self, source: str, target: str) -> None:
        """Rename a file."""
        self.disk.replace(f"/project/{source}", f"/project/{target}")

    def touch(self, name: str, mtime_ns: int) -> None:
        """Set a time."""
        self.disk.utime(f"/project/{name}", mtime_ns)

    def stamp(self, name: str) -> Stamp:
        """What `stat` says."""
        found: Any = self.disk.find(f"/project/{name}").stat()
        return stamp_of(found)

    def stored(self, name: str) -> str:
        """How a compiled query names a table."""
        return name

    def rows(self, content: str) -> list[tuple[Any, ...]]:
        """The rows of an object."""
        return sorted(self.state.objects[content][1])

    def shown(self, name: str) -> list[tuple[Any, ...]]:
        """The rows that a reader sees."""
        assert self.state.views is not None
        return sorted(simulated.published_table(self.state, self.state.views.names, name)[1])

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Have the file of views open."""
        assert self.state.views is not None
        self.state.open.append(self.state.views)
        yield
        self.state.open.pop()


class RealKit:
    """The real outside, in a folder."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self.layout.state.mkdir(mode=0o700)
        prepare_state(self.layout)
        (root / "tasks").mkdir()
        self.objects = Objects(self.layout)
        self.readers: ViewReaders = Readers(self.layout)

    def run(self, body: Body) -> None:
        """Run with DuckDB."""

        async def with_engines() -> None:
            async with EnginePool(Limits(), "UTC", self.layout.temporary) as engines:
                await body(engines)

        asyncio.run(with_engines())

    def load(self, body: LoaderBody) -> None:
        """Run with a loader that forks."""

        async def with_loader() -> None:
            async with ForkingLoader(self.layout, Settings(limits=Limits(load_s=LOAD_S))) as loader:
                await body(loader)

        asyncio.run(with_loader())

    def store(self, session: int) -> Store:
        """The database of one life."""
        return Database.open(self.layout.database, f"session {session}")

    def write(self, name: str, text: str) -> None:
        """Write a file in place."""
        (self.layout.root / name).write_text(text)

    def replace(self, source: str, target: str) -> None:
        """Rename a file."""
        (self.layout.root / source).replace(self.layout.root / target)

    def touch(self, name: str, mtime_ns: int) -> None:
        """Set a time."""
        os.utime(self.layout.root / name, ns=(mtime_ns, mtime_ns))

    def stamp(self, name: str) -> Stamp:
        """What `stat` says."""
        return stamp_of(os.stat(self.layout.root / name))

    def stored(self, name: str) -> str:
        """How a compiled query names a table."""
        return f"main.{name}"

    def rows(self, content: str) -> list[tuple[Any, ...]]:
        """The rows of an object."""
        with duckdb.connect() as connection:
            return sorted(connection.execute(f"select * from '{self.layout.object(content)}'").fetchall())

    def shown(self, name: str) -> list[tuple[Any, ...]]:
        """The rows that a reader sees."""
        with duckdb.connect(str(self.layout.views), read_only=True) as connection:
            return sorted(connection.execute(f"select * from {name}").fetchall())

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Have the file of views open."""
        with self.layout.views.open("rb"):
            yield


async def _call(body: Callable[[Any], Awaitable[None]], made: Engines | Loader) -> None:
    await body(made)


def intake(kit: Kit, name: str, known: Intaken | None = None) -> Intake:
    """Ask for a CSV file."""
    path, layout = str(kit.layout.root / name), kit.layout
    reader = None if known is None else known.reader
    objects, temporary = str(layout.objects), str(layout.temporary)
    return Intake(name.partition(".")[0], path, name, Format.CSV, reader, (), known, objects, temporary)


def analyse(text: str, schemas: dict[str, Schema], *views: ViewQuery) -> Analyse:
    """Ask for a plan."""
    listed = tuple(sorted(schemas.items()))
    return Analyse("one", "tasks/one.sql", 1, text, False, listed, views, None, (), True)


def execute(kit: Kit, sql: str, schema: Schema, inputs: tuple[Any, ...], *sets: tuple[Column, ...]) -> Execute:
    """Ask for a table."""
    layout = kit.layout
    places = (str(layout.objects), str(layout.temporary))
    return Execute("one", "tasks/one.sql", 1, sql, inputs, schema, sets, (), *places, "0123456789abcdef" * 2)


def publish(
    kit: Kit, revision: int, changed: tuple[ViewDefinition, ...], dropped: tuple[str, ...] = (), *, whole: bool
) -> PublishViews:
    """Ask for a file of views."""
    stamp = None if whole else kit.objects.views_stamp() or "nothing"
    places = (str(kit.layout.views), str(kit.layout.temporary))
    return PublishViews(*places, revision, changed, dropped, stamp, logged=True)
