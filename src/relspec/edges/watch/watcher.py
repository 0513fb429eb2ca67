"""Tells that files may have changed: hints from the system's events, and a look at everything whenever in doubt.

Events make it fast, the scan makes it right. One watch holds every folder of the scope singly, none recursively: so
nothing below an ignored folder is watched, and no folder is missed because it was made while the one above it was being
subscribed to. When a folder comes or goes, the watch follows until a listing is what it watches, and a hint without
paths, "look at everything", follows that, for what was made in a new folder before it was watched told no one.

Such a hint also follows events that were lost, an error of the watch, another folder in place of a watched one, a late
cookie, a pause of the machine or of this process, and `audit_s` without a look at everything. Where events do not come,
on network file systems and when the machine's limit of watches is reached, it comes every second, and `polling` says
why.

Events come from the kernel's own queue (`inotify.py`) where there is one, else from watchfiles (`stepping.py`).

The barrier writes a cookie into `state/cookies`, which the same watch holds. Events of one watch keep their order, so
when a cookie's event was yielded, so was every earlier one. Never decides what changed, never opens a user's file.
"""

import asyncio
import contextlib
import errno
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, Self

import msgspec

from relspec.core.layout import Layout
from relspec.core.mounts import silent_type
from relspec.core.scope import GITIGNORE
from relspec.core.settings import WatchSettings
from relspec.core.settle import Hint
from relspec.edges.watch.source import Events, Listing, Source, identity, tops

if sys.platform == "linux":
    from relspec.edges.watch.inotify import Inotify

#: A cookie that takes longer than this is given up for a look at everything.
COOKIE_S = 0.25
#: How often everything is looked at where events do not come, and how often the watched folders are checked.
TICK_S = 1.0
#: A watch that was refused is tried again after this time.
RETRY_S = 10.0
#: While folders come and go faster than they can be listed, the watch takes what there is and follows again at once.
TRIES_MAX = 5
#: After a pause of so long, asleep or stopped, events may have been lost.
STILL_S = 2.0


_NOTHING = Events(frozenset())


class _Told(msgspec.Struct, frozen=True):
    """What to look at next, and the cookies whose event came with it."""

    hint: Hint
    cookies: frozenset[str]


def usual_source(stir: Path) -> Source:
    """What tells of events on this system; `stir` is where a source may make an event of its own."""
    if sys.platform == "linux":
        try:
            return Inotify()
        except OSError as error:
            # Some emulators of Linux know no inotify. All other errors are limits that watchfiles meets as well.
            if error.errno != errno.ENOSYS:
                raise
    # Where it is not needed, its library would take each command 15 ms.
    from relspec.edges.watch.stepping import Stepping  # noqa: PLC0415

    return Stepping(stir)


class FileWatcher:
    """A watch over the folders that `directories` lists. Enter it as a context, then iterate over `hints`, once.

    `directories` is called on a thread of the watch, each time a folder has come or gone.
    """

    def __init__(
        self,
        layout: Layout,
        settings: WatchSettings,
        directories: Callable[[], Iterable[str]],
        open_source: Callable[[Path], Source] = usual_source,
    ) -> None:
        self._root = str(layout.root)
        self._settings = settings
        self._directories = directories
        self._cookies = layout.state / "cookies"
        self._open_source = open_source
        self._source: Source | None = None
        self._listing: Listing = {}
        self._wake = asyncio.Event()
        self._is_stale = False
        self._is_suspicious = True
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._n_cookies = 0
        self._has_cookies = True
        self._looked_at = self._retry_at = self._checked_at = self._followed_at = time.monotonic()
        self._lived_s = _lived_s()
        #: Why changes are found by looking every second instead of by events; `None` where events come.
        self.polling: str | None = None

    async def __aenter__(self) -> Self:
        await self._subscribe()
        return self

    async def __aexit__(self, *_: object) -> None:
        for done in self._waiting.values():
            done.cancel()
        await self._unsubscribe()

    def refresh(self, settings: WatchSettings | None = None) -> None:
        """Watch anew, because `directories` would answer otherwise now; a look at everything follows."""
        self._settings = settings or self._settings
        self._is_stale = True
        self._wake.set()

    async def hints(self) -> AsyncIterator[Hint]:
        """Yield what to look at: everything comes first."""
        while True:
            told = await self._next()
            if told.hint.paths is None:
                self._looked_at = time.monotonic()
                # Whoever waits now has written before this look.
                reached = tuple(self._waiting.values())
                yield told.hint
            else:
                reached = tuple(self._waiting[cookie] for cookie in told.cookies & self._waiting.keys())
                if told.hint.paths:
                    yield told.hint
            for done in reached:
                if not done.done():
                    done.set_result(None)

    async def barrier(self) -> None:
        """Return when every event of a write made before this call has been yielded, or a whole look was asked for.

        "Yielded" means that the consumer of `hints` came back for more, so it must not wait here itself. Cancelled
        when the watch ends.
        """
        self._n_cookies += 1
        cookie = self._cookies / f"{os.getpid()}-{self._n_cookies}"
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[str(cookie)] = done
        try:
            if _write(cookie) and self._source is not None and self.polling is None:
                await asyncio.wait((done,), timeout=COOKIE_S)
            if not done.done():
                self._is_suspicious = True
                self._wake.set()
            await done
        finally:
            del self._waiting[str(cookie)]
            with contextlib.suppress(OSError):
                os.unlink(cookie)

    async def _next(self) -> _Told:
        """Wait for something to look at."""
        while True:
            # First, and each time: a stream of events must not keep the checks from happening.
            self._check()
            if self._is_stale:
                await self._subscribe()
            if self._is_suspicious:
                self._is_suspicious = False
                return _Told(Hint(None), frozenset())
            events = await self._events()
            self._is_stale |= events.lost
            if events.paths and not events.lost and (told := await self._read(events)) is not None:
                return told

    async def _events(self) -> Events:
        """Wait for events, until something else is due; then there are none."""
        source = self._source
        wake = asyncio.ensure_future(self._wake.wait())
        waits: set[asyncio.Future[Any]] = {wake} if source is None else {wake, source.heard}
        due_s = min(TICK_S, self._looked_at + self._settings.audit_s - time.monotonic())
        try:
            await asyncio.wait(waits, timeout=max(0.0, due_s), return_when=asyncio.FIRST_COMPLETED)
        finally:
            wake.cancel()
        self._wake.clear()
        if source is None or not source.heard.done():
            return _NOTHING
        try:
            events = source.take()
        except (OSError, RuntimeError):
            # A name that is not UTF-8 ends a watch of watchfiles, and can come again and again: one new watch a tick.
            await asyncio.sleep(max(0.0, self._followed_at + TICK_S - time.monotonic()))
            await self._unsubscribe()
            self._is_stale = True
            return _NOTHING
        source.listen()
        return events

    async def _read(self, events: Events) -> _Told | None:
        """Tell cookies, folders and files apart; `None` when folders came or went, and the watch has to follow."""
        prefix = f"{self._cookies}/"
        cookies = frozenset(path for path in events.paths if path.startswith(prefix))
        paths = events.paths - cookies
        if any(path in self._listing or _is_folder(path) for path in paths):
            listing = await asyncio.to_thread(self._list)
            # Never back to false: `refresh` may have been called meanwhile.
            self._is_stale |= listing != self._listing
        # Other patterns of `.gitignore` make other folders be watched.
        self._is_stale |= any(path.endswith(f"/{GITIGNORE}") for path in paths)
        return None if self._is_stale else _Told(Hint(paths, events.whole & paths), cookies)

    def _check(self) -> None:
        """Are the watched folders still the same, did the machine or the process stand still, is a whole look due?"""
        now, lived_s = time.monotonic(), _lived_s()
        audit_s = self._settings.audit_s if self.polling is None else TICK_S
        stood_still = lived_s > self._lived_s + TICK_S + STILL_S
        self._lived_s = lived_s
        if stood_still or now >= self._looked_at + audit_s:
            self._is_suspicious = True
        if self._source is None:
            self._is_stale |= now >= self._retry_at
        elif now >= self._checked_at + TICK_S:
            self._checked_at = now
            known = tops(self._listing)
            self._is_stale |= any(identity(path) != known.get(path) for path in (self._root, *known))
            self._check_cookies()
            self._source.rest()

    def _check_cookies(self) -> None:
        """Make the folder of cookies again, a tick after it was found gone: who deletes `state/` is not disturbed."""
        had, self._has_cookies = self._has_cookies, os.path.isdir(self._cookies)
        if not had and not self._has_cookies:
            self._is_stale |= self._make_cookies()

    def _make_cookies(self) -> bool:
        try:
            os.mkdir(self._cookies, 0o700)
        except OSError:
            return False
        return True

    async def _subscribe(self) -> None:
        """Watch the folders that are there now; a look at everything has to follow."""
        self._is_stale, self._is_suspicious = False, True
        try:
            moved = await self._follow()
        except (FileNotFoundError, NotADirectoryError):
            # Folders come and go too fast to be listed; what is there is found by looking until they rest.
            await self._refuse(TICK_S, "folders come and go faster than they can be watched")
            return
        except (OSError, RuntimeError) as error:
            await self._refuse(RETRY_S, _refusal(error))
            return
        self._is_stale |= moved
        self._followed_at = time.monotonic()
        self.polling = await asyncio.to_thread(_silence, self._listing)

    async def _follow(self) -> bool:
        """Have the source follow, and listen to it; whether folders still came and went after some tries."""
        if self._source is None:
            self._make_cookies()
            self._source = await asyncio.to_thread(self._open_source, self._cookies / "calm")
        await self._source.pause()
        self._listing, moved = await asyncio.to_thread(_followed, self._source, self._list)
        self._source.listen()
        return moved

    async def _refuse(self, retry_s: float, why: str) -> None:
        await self._unsubscribe()
        self._retry_at = time.monotonic() + retry_s
        self.polling = why

    async def _unsubscribe(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            try:
                await source.pause()
            finally:
                source.release()

    def _list(self) -> Listing:
        found = ((path, identity(path)) for path in (*self._directories(), str(self._cookies)))
        return {path: known for path, known in found if known is not None}


def _followed(source: Source, list_folders: Callable[[], Listing]) -> tuple[Listing, bool]:
    """Watch the folders, and list them again; whether they still differ after some tries. Blocks."""
    listing = list_folders()
    for tries in range(1, TRIES_MAX + 1):
        try:
            source.follow(listing)
        except (FileNotFoundError, NotADirectoryError):
            if tries == TRIES_MAX:
                raise
            listing = list_folders()
            continue
        after = list_folders()
        if after == listing or tries == TRIES_MAX:
            return listing, after != listing
        listing = after
    raise AssertionError("the last try returns or raises")


def _silence(listing: Listing) -> str | None:
    """Why events are not to be relied on for some of the folders; `None` when they are."""
    try:
        mountinfo = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    except OSError:
        return None
    by_device = {device: path for path, (device, _) in reversed(listing.items())}
    for path in by_device.values():
        if (kind := silent_type(mountinfo, os.path.realpath(path))) is not None:
            return f"{path} is on a file system of type {kind}, which does not tell of all changes"
    return None


def _refusal(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOSPC or "watch limit" in str(error):
        return "the system has no more watches; allow more: sysctl fs.inotify.max_user_watches"
    if number == errno.EMFILE:
        return "the system has no more queues of events; allow more: sysctl fs.inotify.max_user_instances, ulimit -n"
    return f"the system refused to watch: {error}"


def _is_folder(path: str) -> bool:
    return os.path.isdir(path)


def _lived_s() -> float:
    """A clock that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _write(cookie: Path) -> bool:
    try:
        os.close(os.open(cookie, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError:
        return False
    return True
