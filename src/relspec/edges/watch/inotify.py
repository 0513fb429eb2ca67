"""On Linux: events from the kernel's own queue. The loop hears of them at once, and no queue is looked at while empty.

A hint comes 0.3 ms after a write. The kernel says when a file is closed by its writer or moved into place, when its
queue has overflowed, and when a watched folder is gone, so none of that is guessed. Folders that come and go are added
to the watch and taken from it, and no event of the others is lost by that.
"""

import asyncio
import contextlib
import os
import time

from inotify_simple import INotify, flags, parse_events

from relspec.edges.watch.source import Events, Identity, Listing, by_identity, placed

_WATCHED = (
    flags.MODIFY
    | flags.ATTRIB
    | flags.CLOSE_WRITE
    | flags.MOVED_FROM
    | flags.MOVED_TO
    | flags.CREATE
    | flags.DELETE
    | flags.MOVE_SELF
    | flags.ONLYDIR
)
_WHOLE = flags.CLOSE_WRITE | flags.MOVED_TO
#: So much of the queue is read at a time, some 2,000 events: 5 ms, for which the loop stands still.
READ_BYTES = 1 << 16
#: In a stream of events the first are read at once, the others gather for a step, so that a burst is not as many hints.
AT_ONCE_MAX = 8
STEP_S = 0.005


class Inotify:
    """One queue of the kernel, and a watch in it for each folder."""

    heard: "asyncio.Future[None]"

    def __init__(self) -> None:
        """Raises OSError where there is no queue left, or the system knows none."""
        self._queue = INotify(nonblocking=True)
        #: What is watched, by the number that the kernel gave it, and how it is called.
        self._watches: dict[Identity, int] = {}
        self._names: dict[int, list[str]] = {}
        self._is_lost = False
        self._read_at = -STEP_S
        self._n_in_a_row = 0
        self._timer: asyncio.TimerHandle | None = None

    def follow(self, listing: Listing) -> None:
        """Watch what is new in `listing`, and leave what is not in it; after lost events all anew."""
        if self._is_lost:
            self._begin_anew()
        folders = by_identity(listing)
        for gone in self._watches.keys() - folders.keys():
            self._leave(self._watches.pop(gone))
        for folder in folders.keys() - self._watches.keys():
            self._watches[folder] = self._queue.add_watch(folders[folder][0], _WATCHED)
        self._names = {}
        for folder, watch in self._watches.items():
            self._names.setdefault(watch, []).extend(folders[folder])

    def listen(self) -> None:
        """Have the loop read the queue; in a stream of events a step later."""
        loop = asyncio.get_running_loop()
        self.heard = loop.create_future()
        if self._n_in_a_row < AT_ONCE_MAX:
            loop.add_reader(self._queue.fileno(), self._hear)
        else:
            self._timer = loop.call_later(STEP_S, loop.add_reader, self._queue.fileno(), self._hear)

    def take(self) -> Events:
        """Read a piece of the queue."""
        now = time.monotonic()
        self._n_in_a_row = self._n_in_a_row + 1 if now < self._read_at + 2 * STEP_S else 0
        self._read_at = now
        whole: dict[str, bool] = {}
        lost = False
        for watch, mask, _, name in parse_events(self._piece()):
            if mask & flags.Q_OVERFLOW:
                self._is_lost = lost = True
            elif mask & flags.IGNORED:
                lost |= self._forget(watch)
            else:
                _note(whole, mask, placed(name, self._names.get(watch, ())))
        return Events(frozenset(whole), frozenset(path for path, is_whole in whole.items() if is_whole), lost)

    def rest(self) -> None:
        """There is nothing to rest from: nobody looks at the queue while it is empty."""

    async def pause(self) -> None:
        """Leave events in the queue."""
        if self._timer is not None:
            self._timer.cancel()
        asyncio.get_running_loop().remove_reader(self._queue.fileno())

    def release(self) -> None:
        """Close the queue, and with it all watches."""
        self._queue.close()

    def _hear(self) -> None:
        asyncio.get_running_loop().remove_reader(self._queue.fileno())
        if not self.heard.done():
            self.heard.set_result(None)

    def _piece(self) -> bytes:
        # A loop may be woken for nothing.
        with contextlib.suppress(BlockingIOError):
            return os.read(self._queue.fileno(), READ_BYTES)
        return b""

    def _begin_anew(self) -> None:
        """A watch that ended may be among what was lost, and its folder's number be another one's by now."""
        queue = INotify(nonblocking=True)
        self._queue.close()
        self._queue, self._watches, self._names, self._is_lost = queue, {}, {}, False

    def _leave(self, watch: int) -> None:
        # The same folder may have two identities (overlays). And a watch has ended already where its folder is gone.
        if watch not in self._watches.values():
            with contextlib.suppress(OSError):
                self._queue.rm_watch(watch)

    def _forget(self, watch: int) -> bool:
        """Take note that the kernel has ended a watch; false where we have asked it to."""
        ended = [folder for folder, known in self._watches.items() if known == watch]
        for folder in ended:
            del self._watches[folder]
        return bool(ended)


def _note(whole: dict[str, bool], mask: int, paths: list[str]) -> None:
    """Take note of one event; that the attributes moved says nothing of what is in a file."""
    for path in paths:
        if mask & flags.ATTRIB:
            whole.setdefault(path, False)
        else:
            whole[path] = bool(mask & _WHOLE) and not mask & flags.ISDIR
