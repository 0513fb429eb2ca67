"""A machine of simulated parts, for `open_workspace`: one for each life of the process, over one disk and one state."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.sim.configured import configured
from tests.sim.disk import Disk
from tests.sim.effects import Effects
from tests.sim.engines import Engines
from tests.sim.loader import SimLoader
from tests.sim.loop import SimLoop
from tests.sim.readers import Readers
from tests.sim.state import Held, Memory, Objects, State
from tests.sim.witness import Witness

from relspec.core.layout import Layout
from relspec.core.settings import Settings, WatchSettings
from relspec.core.toolchain import Toolchain
from relspec.core.trace import NoTrace, Trace
from relspec.edges.files import Files
from relspec.edges.watch import FileWatcher
from relspec.edges.watch.stepping import Stepping
from relspec.edges.watch.watcher import usual_source

#: When the simulated world begins, by the calendar.
EPOCH_S = 1_800_000_000.0
TOOLS = Toolchain("simulated engine", "simulated compiler")


@dataclass
class SimClock:
    """`loop` gives the time; `skew_s` is how far the calendar is off."""

    loop: SimLoop
    skew_s: float = 0.0

    def time(self) -> float:
        """By the calendar."""
        return EPOCH_S + self.loop.now + self.skew_s

    def monotonic(self) -> float:
        """For waiting."""
        return self.loop.now


@dataclass
class SimMachine:
    """What one life is opened with."""

    layout: Layout
    disk: Disk
    state: State
    effects: Effects
    clock: SimClock
    usual: Settings
    slow_s: float
    witness: Witness
    inotify: bool = False
    trace: Trace = field(default_factory=NoTrace)

    def config(self) -> bytes | None:
        """Read `watch.toml`."""
        path = str(self.layout.config)
        return self.disk.find(path).data if self.disk.has(path) else None

    def settings(self, config: bytes | None) -> Settings:
        """What a text of it says."""
        return self.usual if config is None else configured(config, self.usual)

    @contextmanager
    def owned(self) -> Iterator[Held]:
        """Take the state over, and away what an earlier life left half done."""
        self.disk.make_folders(f"{self.layout.state}")
        self.state.temporary.clear()
        yield Held(self.layout)

    def store(self) -> Memory:
        """The database."""
        return Memory(self.state, self.effects, self.clock.time)

    def toolchain(self, timezone: str) -> Toolchain:
        """Always the same."""
        return TOOLS

    def installed(self) -> Mapping[str, str]:
        """Nothing is installed."""
        return {}

    def objects(self) -> Objects:
        """The objects."""
        return Objects(self.state, self.effects)

    def readers(self) -> Readers:
        """The readers."""
        return Readers(self.state, self.effects)

    def engines(self, settings: Settings) -> Engines:
        """The engines."""
        return Engines(self.disk, self.state, self.effects, self.slow_s, self.witness)

    def loader(self, settings: Settings) -> "contextlib.AbstractAsyncContextManager[SimLoader]":
        """The loader."""
        made = SimLoader(str(self.layout.root), self.disk, self.effects, self.slow_s, settings.limits.load_s)
        return contextlib.nullcontext(made)

    def files(self, settings: Settings) -> Files:
        """The scanner as it is, on the simulated disk."""
        return Files(self.layout, settings)

    def watcher(self, settings: WatchSettings, directories: Callable[[], Iterable[str]]) -> FileWatcher:
        """The watch as it is, on the simulated system."""
        return FileWatcher(self.layout, settings, directories, usual_source if self.inotify else Stepping)
