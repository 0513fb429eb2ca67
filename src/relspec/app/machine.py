"""The machine as it is: every port of a project, filled with the edge that does it."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from relspec.core.digest import content_of
from relspec.core.layout import Layout
from relspec.core.settings import Settings, WatchSettings
from relspec.core.toolchain import Toolchain
from relspec.edges.config import read_settings
from relspec.edges.engine.pool import EnginePool
from relspec.edges.files import Files
from relspec.edges.loader.client import ForkingLoader
from relspec.edges.loader.entry_points import entry_point_files
from relspec.edges.lock import StateLock, prepare_state
from relspec.edges.objects import Objects
from relspec.edges.readers import Readers
from relspec.edges.store.database import Store
from relspec.edges.toolchain import toolchain
from relspec.edges.watch import FileWatcher


class RealClock:
    """The system's clocks."""

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()


class RealMachine:
    """Opens one project on this machine."""

    clock = RealClock()

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def settings(self) -> Settings:
        """Read `watch.toml`."""
        return read_settings(self._layout)

    @contextmanager
    def owned(self) -> Iterator[StateLock]:
        """Take the locks, make the folders of `state/`."""
        with StateLock(self._layout) as lock:
            prepare_state(self._layout)
            yield lock

    def store(self) -> Store:
        """Open the database, in a session of its own."""
        return Store.open(self._layout.database, uuid.uuid4().hex)

    def toolchain(self, timezone: str) -> Toolchain:
        """Read the versions of what is installed."""
        return toolchain(timezone)

    def installed(self) -> Mapping[str, str]:
        """Find what packages offer by their entry points."""
        return {path: content_of(Path(path).read_bytes()) for _, path in entry_point_files()}

    def objects(self) -> Objects:
        """The files under `state/objects` and `state/tables`."""
        return Objects(self._layout)

    def readers(self) -> Readers:
        """Readers, seen by leases."""
        return Readers(self._layout)

    def engines(self, settings: Settings) -> EnginePool:
        """A pool of DuckDB processes."""
        return EnginePool(settings.limits, settings.timezone, self._layout.temporary)

    def loader(self, settings: Settings) -> ForkingLoader:
        """The warm parent that forks for each build."""
        return ForkingLoader(self._layout, settings)

    def files(self, settings: Settings) -> Files:
        """The files on disk."""
        return Files(self._layout, settings)

    def watcher(self, settings: WatchSettings, directories: Callable[[], Iterable[str]]) -> FileWatcher:
        """The system's events."""
        return FileWatcher(self._layout, settings, directories)
