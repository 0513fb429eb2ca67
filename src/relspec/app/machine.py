"""The machine as it is: every port of a project, filled with the edge that does it."""

import os
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

from relspec.core.digest import content_of
from relspec.core.health import Vitals
from relspec.core.layout import Layout
from relspec.core.settings import Settings, WatchSettings
from relspec.core.toolchain import Toolchain
from relspec.core.trace import NoTrace, Trace
from relspec.edges.config import read_config, settings_of
from relspec.edges.engine.pool import EnginePool, Start
from relspec.edges.files import Files
from relspec.edges.files.grain import exact_device
from relspec.edges.loader.client import ForkingLoader
from relspec.edges.loader.entry_points import entry_point_files
from relspec.edges.lock import StateLock, prepare_state
from relspec.edges.objects import Objects
from relspec.edges.readers import Readers
from relspec.edges.store.database import Store
from relspec.edges.toolchain import toolchain
from relspec.edges.vitals import vitals
from relspec.edges.watch import FileWatcher


class RealClock:
    """The system's clocks."""

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()


#: From so many tasks on a second engine is of use to the first compilation before it has started by itself.
_FIRST_TASKS_MIN = 32


class RealMachine:
    """Opens one project on this machine; `start`: when its child processes start. `trace` is told where time goes."""

    clock = RealClock()

    def __init__(self, layout: Layout, start: Start = Start.ASKED, trace: Trace | None = None) -> None:
        self.layout = layout
        self.trace = NoTrace() if trace is None else trace
        self._start = start
        self._is_new = False

    def config(self) -> bytes | None:
        """Read `watch.toml`."""
        return read_config(self.layout)

    def settings(self, config: bytes | None) -> Settings:
        """What a text of it says."""
        return settings_of(self.layout, config)

    @contextmanager
    def owned(self) -> Iterator[StateLock]:
        """Take the locks, make the folders of `state/`."""
        with StateLock(self.layout) as lock:
            prepare_state(self.layout)
            yield lock

    def store(self) -> Store:
        """Open the database, in a session of its own."""
        self._is_new = not self.layout.database.exists()
        return Store.open(self.layout.database, uuid.uuid4().hex)

    def vitals(self) -> Vitals:
        """Ask the system what a check-up wants to know."""
        return vitals(self.layout)

    def toolchain(self, timezone: str) -> Toolchain:
        """Read the versions of what is installed."""
        return toolchain(timezone)

    def installed(self) -> Mapping[str, str]:
        """Find what packages offer by their entry points."""
        return {path: content_of(Path(path).read_bytes()) for _, path in entry_point_files()}

    def objects(self) -> Objects:
        """The files under `state/objects` and `state/tables`."""
        return Objects(self.layout)

    def readers(self) -> Readers:
        """Readers, seen by leases."""
        return Readers(self.layout)

    def engines(self, settings: Settings) -> EnginePool:
        """A pool of DuckDB processes. Who compiles a project for the first time will have work for all of them."""
        is_first = self._start is Start.ASKED and self._is_new
        has_many = is_first and len(_task_files(self.layout, settings)) >= _FIRST_TASKS_MIN
        start = Start.AT_ONCE if has_many else self._start
        return EnginePool(settings.limits, settings.timezone, self.layout.temporary, start)

    def loader(self, settings: Settings) -> AbstractAsyncContextManager[ForkingLoader]:
        """The warm parent that forks for each build.

        Where there is no Python among the tasks, the first of it waits half a second for its start, and all the others
        save 75 MB.
        """
        loader = ForkingLoader(self.layout, settings)
        has_python = any(name.endswith(".py") for name in _task_files(self.layout, settings))
        wanted = has_python or (settings.entry_points and self.installed())
        return loader if wanted else _started_by_its_first_session(loader)

    def files(self, settings: Settings) -> Files:
        """The files on disk."""
        return Files(self.layout, settings, exact_device(self.layout.temporary))

    def watcher(self, settings: WatchSettings, directories: Callable[[], Iterable[str]]) -> FileWatcher:
        """The system's events."""
        return FileWatcher(self.layout, settings, directories)


def _task_files(layout: Layout, settings: Settings) -> list[str]:
    """Name what may be task files, half a second before the scan knows which are."""
    walks = (os.walk(layout.root / folder) for folder in settings.tasks)
    return [name for walk in walks for _, _, names in walk for name in names if name.endswith((".py", ".sql"))]


@asynccontextmanager
async def _started_by_its_first_session(loader: ForkingLoader) -> AsyncIterator[ForkingLoader]:
    try:
        yield loader
    finally:
        await loader.close()
