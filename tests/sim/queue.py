"""The kernel's queue of events, in place of that of `inotify_simple`.

What it may do: events come late and in pieces; the loop is woken for nothing; a full queue says so, and loses all that
follows until it is read; the watch of a folder that is gone ends, which is an event too; an error ends it all. Events
keep their order.
"""

import errno
import os
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from inotify_simple import flags
from tests.sim.disk import Inode
from tests.sim.loop import SimLoop

if TYPE_CHECKING:
    from tests.sim.system import System

#: So many events, and the next is that there were more.
EVENTS_MAX = 8
#: The loop hears of an event within this time, but for events that are late.
SOON_S = 0.001

_Event = tuple[int, int, bytes]


class SimQueue:
    """One queue. Its descriptor is itself."""

    def __init__(self, system: "System") -> None:
        self._system = system
        self._watches: dict[int, int] = {}
        self._next = 1
        self._events: list[_Event] = []
        self._is_broken = False
        self._hear: Callable[[], Any] | None = None
        self._loop: SimLoop | None = None
        system.watches.append(self)

    def fileno(self) -> "SimQueue":
        """Itself."""
        return self

    def add_watch(self, path: str, mask: int) -> int:
        """As `inotify_add_watch`."""
        inode = self._system.disk.find(path)
        if inode.entries is None:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        if inode.number not in self._watches:
            self._watches[inode.number] = self._next
            self._next += 1
        return self._watches[inode.number]

    def rm_watch(self, watch: int) -> None:
        """As `inotify_rm_watch`."""
        numbers = [number for number, known in self._watches.items() if known == watch]
        if not numbers:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        del self._watches[numbers[0]]
        self._push((watch, flags.IGNORED, b""))

    def close(self) -> None:
        """Give up."""
        self.disarm()
        if self in self._system.watches:
            self._system.watches.remove(self)

    def told(self, folder: Inode, name: str, *signs: int) -> None:
        """Put events into the queue, if they are of a watched folder."""
        watch = self._watches.get(folder.number)
        if watch is not None:
            for sign in signs:
                self._push((watch, sign, name.encode()))
                if sign == flags.IGNORED:
                    del self._watches[folder.number]

    def fail(self) -> None:
        """Have the next read end with an error."""
        self._is_broken = True
        self._call()

    def read(self, length: int) -> bytes:
        """Some of the events, as the kernel writes them."""
        if self._is_broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        assert self._loop is not None
        if not self._events:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        n_events = self._loop.draw.randint(1, len(self._events))
        piece, self._events = self._events[:n_events], self._events[n_events:]
        return b"".join(_written(event) for event in piece)

    def arm(self, loop: SimLoop, hear: Callable[[], Any]) -> None:
        """Have `hear` called when there is something to read."""
        self._loop, self._hear = loop, hear
        if self._events or self._is_broken:
            self._call()

    def disarm(self) -> bool:
        """Call nobody; whether somebody was to be called."""
        had, self._hear = self._hear is not None, None
        return had

    def _push(self, event: _Event) -> None:
        full = len(self._events) >= EVENTS_MAX
        if full and self._events[-1][1] == flags.Q_OVERFLOW:
            return
        self._events.append((-1, flags.Q_OVERFLOW, b"") if full else event)
        self._call()

    def _call(self) -> None:
        loop, hear = self._loop, self._hear
        if loop is not None and hear is not None:
            loop.call_later(SOON_S * loop.draw.random() + self._system.lateness(), self._tell, hear)

    def _tell(self, hear: Callable[[], Any]) -> None:
        if self._hear == hear:
            hear()


def _written(event: _Event) -> bytes:
    watch, sign, name = event
    # Names end with a zero, and are filled up to whole words.
    room = (len(name) // 16 + 1) * 16 if name else 0
    return struct.pack("iIII", watch, sign, 0, room) + name.ljust(room, b"\0")
