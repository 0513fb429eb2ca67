"""The system as the scanner and the watch see it, who run as they are: in place of `os`, `time` and watchfiles.

The kernel's own queue, which scripts with `inotify` read, is in `queue.py`. Which names are replaced is said in
`simulated`. Calls that touch files are numbered effects, and may fail.

What the simulated watch may do, and the test on the real system that shows it (`tests/edges/test_watch.py`):

- events come late, several at once, twice: `test_a_burst_of_files_in_new_folders_is_found_whole`
- a full queue loses all that follows, a cookie too, without a word (`test_stepping.py`)
- what is made in a new folder before it is watched is not told:
  `test_a_file_in_a_chain_of_new_folders_is_found_by_the_barrier`
- another folder in place of a watched one is never told of: `test_a_root_that_is_swapped_is_noticed`
- an error ends the watch: `test_a_name_that_is_not_utf8_does_not_stop_the_watch`
- a write of which no event tells: `test_the_audit_finds_what_no_event_told`

What the watch may rely on: events of one watch keep their order; nothing but a full queue loses an event of a file that
was written by its path; and a queue that was full holds at least `BATCH_MAX` names.
"""

import asyncio
import contextlib
import errno
import os
import posixpath
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from tests.sim.disk import Disk, Entry, Inode, Status
from tests.sim.effects import Effects
from tests.sim.loop import SimLoop
from tests.sim.queue import SimQueue

from relspec.edges.files import reading, scan, walk
from relspec.edges.watch import inotify, source, stepping, watcher

#: A queue of the simulated watch holds so many events, and so many in one batch make the real one suspicious.
QUEUE_MAX = 12
#: The watch wakes up so often, as the real one does.
STEP_S = 0.005


class SimOs:
    """What is used of `os`."""

    def __init__(self, disk: Disk, effects: Effects) -> None:
        self._disk = disk
        self._effects = effects
        self._open: dict[int, tuple[str, Inode]] = {}
        self._next = 100
        self.path = SimPath(disk)

    def __getattr__(self, name: str) -> Any:
        # Constants, and what computes without touching anything.
        assert name.startswith("O_") or name in {"fsencode", "DirEntry", "PathLike", "strerror"}, name
        return getattr(os, name)

    def stat(self, path: Any) -> Status:
        """As `os.stat`."""
        return self._disk.find(str(path)).stat()

    def scandir(self, path: str) -> "contextlib.AbstractContextManager[Iterator[Entry]]":
        """As `os.scandir`; the order is that of the disk."""
        self._effects.call("scandir", path)
        inode = self._disk.find(path)
        if inode.entries is None:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        entries = [Entry(name, found.entries is not None) for name, found in inode.entries.items()]
        return contextlib.nullcontext(iter(entries))

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int:
        """As `os.open`, for reading and for new files."""
        self._effects.call("open", str(path))
        if flags & os.O_CREAT:
            if self._disk.has(str(path)):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
            self._disk.create(str(path))
        self._next += 1
        self._open[self._next] = (str(path), self._disk.find(str(path)))
        return self._next

    def read(self, queue: SimQueue, length: int) -> bytes:
        """As `os.read`, of a queue, whose descriptor is itself."""
        return queue.read(length)

    def close(self, descriptor: int) -> None:
        """As `os.close`."""
        del self._open[descriptor]

    def fstat(self, descriptor: int) -> Status:
        """As `os.fstat`."""
        return self._open[descriptor][1].stat()

    def pread(self, descriptor: int, length: int, offset: int) -> bytes:
        """As `os.pread`."""
        path, inode = self._open[descriptor]
        data = inode.data[offset : offset + length]
        self._effects.call("pread", path)
        return data

    def getpid(self) -> int:
        """As `os.getpid`."""
        return 4242

    def mkdir(self, path: Any, mode: int = 0o777) -> None:
        """As `os.mkdir`."""
        self._disk.mkdir(str(path))

    def unlink(self, path: Any) -> None:
        """As `os.unlink`."""
        self._disk.unlink(str(path))

    def has_writer(self, descriptor: int) -> bool | None:
        """As a read lease tells it."""
        return self._open[descriptor][1].writers > 0 if self._disk.leases else None


class SimPath:
    """What is used of `os.path`."""

    normpath, dirname, join = staticmethod(posixpath.normpath), staticmethod(posixpath.dirname), posixpath.join

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def exists(self, path: Any) -> bool:
        """As `os.path.exists`."""
        return self._disk.has(str(path))

    def isdir(self, path: Any) -> bool:
        """As `os.path.isdir`."""
        try:
            return self._disk.find(str(path)).entries is not None
        except OSError:
            return False

    def islink(self, path: Any) -> bool:
        """There are no links here."""
        return False

    def realpath(self, path: Any) -> str:
        """There are no links here."""
        return posixpath.normpath(str(path))


class SimStop:
    """As `threading.Event`, for the one who waits for events."""

    def __init__(self) -> None:
        self.notify: Callable[[], None] = lambda: None

    def set(self) -> None:
        """Wake the one who waits."""
        self.notify()


class SimNotify:
    """One watch of the system, in place of `RustNotify`."""

    def __init__(self, system: "System", paths: list[str]) -> None:
        self._system = system
        self._folders = {system.disk.find(path).number: path for path in paths}
        self._queue: list[str] = []
        self._lost = self._broken = False
        self._waiter: asyncio.Future[Any] | None = None
        self.open = True
        system.watches.append(self)

    def told(self, folder: Inode, name: str, *_: int) -> None:
        """Put an event into the queue, if it is of a watched folder and there is room."""
        path = self._folders.get(folder.number)
        if path is None or not self.open or not name:
            return
        if len(set(self._queue)) >= QUEUE_MAX:
            self._lost = True
            return
        self._queue.append(f"{path}/{name}")
        self._wake()

    def fail(self) -> None:
        """End the watch with an error, as a name that is not UTF-8 does."""
        self._broken = True
        self._wake()

    def waiting(self, loop: SimLoop, *arguments: Any) -> "asyncio.Future[Any]":
        """Wait for events: what `watch` does on its thread."""
        stop = arguments[-1]
        self._loop = loop
        self._waiter = loop.create_future()
        stop.notify = lambda: self._give(set())
        if self._queue or self._broken:
            self._wake()
        return self._waiter

    def watch(self, *_: Any) -> Any:
        """Never called: the loop answers by `waiting`."""
        raise AssertionError

    def close(self) -> None:
        """Give up."""
        self.open = False
        if self in self._system.watches:
            self._system.watches.remove(self)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            late = self._system.lateness()
            self._loop.call_later(STEP_S * self._loop.draw.random() + late, self._hand_over, waiter)

    def _hand_over(self, waiter: "asyncio.Future[Any]") -> None:
        if waiter.done():
            return
        if self._broken:
            waiter.set_exception(RuntimeError("the watch broke"))
            return
        # A batch ends anywhere: what is left comes with the next.
        n_events = len(self._queue) if self._lost else self._loop.draw.randint(1, max(1, len(self._queue)))
        batch, self._queue = self._queue[:n_events], self._queue[n_events:]
        if batch and not self._queue and self._system.repeats():
            self._queue = [batch[-1]]
        self._lost = False
        self._give({(1, path) for path in batch})

    def _give(self, events: set[tuple[int, str]]) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(events)


class System:
    """Files and watches of one machine. `vices` say how likely an event is late or comes twice."""

    def __init__(self, disk: Disk, effects: Effects, draw: Any, vices: float) -> None:
        self.disk = disk
        self.effects = effects
        self.os = SimOs(disk, effects)
        self.watches: list[SimNotify | SimQueue] = []
        self._draw = draw
        self.vices = vices
        disk.tell = self._tell

    def lateness(self) -> float:
        """How much later than usual an event comes."""
        return self._draw.random() * 0.6 if self._draw.random() < self.vices else 0.0

    def repeats(self) -> bool:
        """Whether the last event comes once more."""
        return bool(self._draw.random() < self.vices)

    def reboot(self) -> None:
        """No process is left, so no watch."""
        self.watches.clear()

    def _tell(self, folder: Inode, name: str, *signs: int) -> None:
        for notify in tuple(self.watches):
            notify.told(folder, name, *signs)


@contextlib.contextmanager
def simulated(system: System, now: Callable[[], float], now_ns: Callable[[], int]) -> Iterator[None]:
    """Let the scanner and the watch live on the simulated system."""
    clock = SimpleNamespace(
        time_ns=now_ns, monotonic=now, clock_gettime=lambda _: now(), CLOCK_BOOTTIME=time.CLOCK_BOOTTIME
    )
    replaced = {
        scan: {"os": system.os, "time": clock},
        walk: {"os": system.os},
        reading: {"os": system.os, "time": clock, "_has_writer": system.os.has_writer},
        watcher: {"os": system.os, "time": clock, "_silence": lambda listing: None},
        source: {"os": system.os},
        inotify: {"os": system.os, "time": clock, "INotify": lambda nonblocking: SimQueue(system)},
        stepping: {
            "time": clock,
            "threading": SimpleNamespace(Event=SimStop),
            "RustNotify": lambda paths, *_: SimNotify(system, paths),
            "BATCH_MAX": QUEUE_MAX,
        },
    }
    with contextlib.ExitStack() as stack:
        for module, names in replaced.items():
            stack.enter_context(patch.multiple(module, **names))
        yield
