"""Tells that files may have changed: hints from the system's events, and a look at everything whenever in doubt.

Events make it fast, the scan makes it right. One watch holds every folder of the scope singly, none recursively: so
nothing below an ignored folder is watched, and no folder is missed because it was made while the one above it was being
subscribed to. When a folder comes or goes, the watch is made anew over folders that were listed after that, and `None`,
"look at everything", follows each new watch, for events of the time between are lost.

`None` also follows a large batch (the system's queue may have overflowed, which it does not say), an error of the
watch, another folder in place of a watched one, a late cookie, a pause of the machine or of this process, and `audit_s`
without a look at everything. Where events do not come, on network file systems and when the machine's limit of watches
is reached, it comes every second, and `polling` says why.

After a while without events the watch looks at its queue less often, so that an idle daemon costs next to nothing. What
is asleep in it cannot be told so, and waking it otherwise would lose events: an event of our own ends that sleep.

The barrier writes a cookie into `state/cookies`, which the same watch holds. Events of one watch keep their order, so
when a cookie's event was yielded, so was every earlier one. Never decides what changed, never opens a user's file.
"""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from watchfiles._rust_notify import RustNotify

from relspec.core.layout import Layout
from relspec.core.mounts import silent_type
from relspec.core.scope import GITIGNORE
from relspec.core.settings import WatchSettings

#: The watch sleeps so long between looks at its queue: 8 ms from a write to its hint, and 0.7 % of a core.
STEP_MS = 5
#: After so long without an event it sleeps longer, up to the next one: 30 ms to the first hint, and 0.2 % of a core.
CALM_S = 10.0
CALM_STEP_MS = 20
#: A burst is handed on in pieces of so long.
BATCH_MS = 50
#: So many events in one piece may be what is left after an overflow.
BATCH_MAX = 1_000
#: A cookie that takes longer than this is given up for a look at everything.
COOKIE_S = 0.25
#: How often everything is looked at where events do not come, and how often the watched folders are checked.
TICK_S = 1.0
#: A watch that was refused is tried again after this time.
RETRY_S = 10.0
#: While folders come and go faster than they can be listed, the watch takes what there is and is made anew at once.
TRIES_MAX = 5
#: After a pause of so long, asleep or stopped, the system's queue of events may have overflowed.
STILL_S = 2.0

_Identity = tuple[int, int]
_Listing = dict[str, _Identity]


@dataclass(frozen=True, slots=True)
class _Hint:
    """What to look at next, and the cookies whose event came with it."""

    paths: frozenset[str] | None
    cookies: frozenset[str]


class FileWatcher:
    """A watch over the folders that `directories` lists. Enter it as a context, then iterate over `hints`, once.

    `directories` is called on a thread of the watch, each time a folder has come or gone.
    """

    def __init__(self, layout: Layout, settings: WatchSettings, directories: Callable[[], Iterable[str]]) -> None:
        self._root = str(layout.root)
        self._settings = settings
        self._directories = directories
        self._cookies = layout.state / "cookies"
        self._subscription: _Subscription | None = None
        self._wake = asyncio.Event()
        self._is_stale = False
        self._is_suspicious = True
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._n_cookies = 0
        self._stir = layout.state / "cookies" / "calm"
        self._looked_at = self._retry_at = self._checked_at = self._moved_at = time.monotonic()
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

    async def hints(self) -> AsyncIterator[frozenset[str] | None]:
        """Yield sets of absolute paths to look at; `None` says "look at everything", and comes first."""
        while True:
            hint = await self._next()
            if hint.paths is None:
                self._looked_at = time.monotonic()
                # Whoever waits now has written before this look.
                reached = tuple(self._waiting.values())
                yield None
            else:
                reached = tuple(self._waiting[cookie] for cookie in hint.cookies & self._waiting.keys())
                if hint.paths:
                    yield hint.paths
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
            if _write(cookie) and self._subscription is not None and self.polling is None:
                await asyncio.wait((done,), timeout=COOKIE_S)
            if not done.done():
                self._is_suspicious = True
                self._wake.set()
            await done
        finally:
            del self._waiting[str(cookie)]
            with contextlib.suppress(OSError):
                os.unlink(cookie)

    async def _next(self) -> _Hint:
        """Wait for something to look at."""
        while True:
            # First, and each time: a stream of events must not keep the checks from happening.
            self._check()
            if self._is_stale:
                await self._subscribe()
            if self._is_suspicious:
                self._is_suspicious = False
                return _Hint(None, frozenset())
            events = await self._events()
            if len(events) >= BATCH_MAX:
                self._is_stale = True
            elif events and (hint := await self._read(events)) is not None:
                return hint

    async def _events(self) -> frozenset[str]:
        """Wait for paths with events, until something else is due; then there are none."""
        subscription = self._subscription
        wake = asyncio.ensure_future(self._wake.wait())
        sources: set[asyncio.Future[Any]] = {wake} if subscription is None else {wake, subscription.events}
        due_s = min(TICK_S, self._looked_at + self._settings.audit_s - time.monotonic())
        try:
            await asyncio.wait(sources, timeout=max(0.0, due_s), return_when=asyncio.FIRST_COMPLETED)
        finally:
            wake.cancel()
        self._wake.clear()
        if subscription is None or not subscription.events.done():
            return frozenset()
        if subscription.events.exception() is not None:
            # A name that is not UTF-8 ends a watch for good, and can come again and again: one new watch a tick.
            await asyncio.sleep(max(0.0, subscription.made_at + TICK_S - time.monotonic()))
            self._is_stale = True
            return frozenset()
        calm = time.monotonic() >= self._moved_at + CALM_S
        paths = subscription.take(str(self._stir), calm=calm)
        if paths:
            self._moved_at = time.monotonic()
        return paths

    async def _read(self, events: frozenset[str]) -> _Hint | None:
        """Tell cookies, folders and files apart; `None` when folders came or went, and the watch has to follow."""
        subscription = self._subscription
        assert subscription is not None
        prefix = f"{self._cookies}/"
        cookies = frozenset(path for path in events if path.startswith(prefix))
        paths = events - cookies
        if any(path in subscription.listing or _is_folder(path) for path in paths):
            listing = await asyncio.to_thread(self._list)
            # Never back to false: `refresh` may have been called meanwhile.
            self._is_stale |= listing != subscription.listing
        # Other patterns of `.gitignore` make other folders be watched.
        self._is_stale |= any(path.endswith(f"/{GITIGNORE}") for path in paths)
        if self._is_stale:
            return None
        return _Hint(frozenset(known for path in paths for known in subscription.names(path)), cookies)

    def _check(self) -> None:
        """Are the watched folders still the same, did the machine or the process stand still, is a whole look due?"""
        now, lived_s = time.monotonic(), _lived_s()
        audit_s = self._settings.audit_s if self.polling is None else TICK_S
        stood_still = lived_s > self._lived_s + TICK_S + STILL_S
        self._lived_s = lived_s
        if stood_still or now >= self._looked_at + audit_s:
            self._is_suspicious = True
        if self._subscription is None:
            self._is_stale |= now >= self._retry_at
        elif now >= self._checked_at + TICK_S:
            self._checked_at = now
            tops = self._subscription.tops
            self._is_stale |= any(_identity(path) != tops.get(path) for path in (self._root, *tops))
            if now >= self._moved_at + CALM_S and self._subscription.step_ms != CALM_STEP_MS:
                _touch(self._stir)

    async def _subscribe(self) -> None:
        """Watch all folders anew; a look at everything has to follow."""
        await self._unsubscribe()
        self._is_stale, self._is_suspicious = False, True
        try:
            subscription, moved = await asyncio.to_thread(_opened, self._list)
        except FileNotFoundError:
            # Folders come and go too fast to be listed; what is there is found by looking until they rest.
            self._retry_at = time.monotonic() + TICK_S
            self.polling = "folders come and go faster than they can be watched"
            return
        except (OSError, RuntimeError) as error:
            self._retry_at = time.monotonic() + RETRY_S
            self.polling = _refusal(error)
            return
        self._is_stale |= moved
        subscription.listen()
        self._subscription = subscription
        self.polling = await asyncio.to_thread(_silence, subscription.listing)

    async def _unsubscribe(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.close()

    def _list(self) -> _Listing:
        with contextlib.suppress(OSError):
            os.mkdir(self._cookies, 0o700)
        found = ((path, _identity(path)) for path in (*self._directories(), str(self._cookies)))
        return {path: identity for path, identity in found if identity is not None}


class _Subscription:
    """One watch, and the one thread that sleeps in it."""

    events: "asyncio.Future[Any]"

    def __init__(self, listing: _Listing) -> None:
        self.listing = listing
        self.step_ms = STEP_MS
        self.made_at = time.monotonic()
        self.tops = {path: known for path, known in listing.items() if os.path.dirname(path) not in listing}
        by_folder: dict[_Identity, list[str]] = {}
        for path, identity in listing.items():
            by_folder.setdefault(identity, []).append(path)
        # The system tells of a folder under one name only, though links may give it several.
        self._names = {names[0]: names for names in by_folder.values() if len(names) > 1}
        # Not `awatch`, which does not say when the watch is in place: a look before that would miss what comes between.
        self._notify = RustNotify([names[0] for names in by_folder.values()], False, False, 0, False, False)
        self._stop = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="watch")

    def listen(self) -> None:
        """Wait for the next events, in `events`."""
        loop = asyncio.get_running_loop()
        self.events = loop.run_in_executor(self._thread, self._notify.watch, BATCH_MS, self.step_ms, 0, self._stop)

    def take(self, stir: str, *, calm: bool) -> frozenset[str]:
        """The paths of the events that have come, but for that of `stir`; listens for the next ones.

        Where there are none and all is `calm`, it does so at longer steps.
        """
        paths = frozenset(path for _, path in self.events.result()) - {stir}
        self.step_ms = CALM_STEP_MS if calm and not paths else STEP_MS
        self.listen()
        return paths

    def names(self, path: str) -> list[str]:
        """All paths under which the scope knows what an event calls `path`."""
        folder, _, name = path.rpartition("/")
        if path in self._names:
            return self._names[path]
        return [f"{known}/{name}" for known in self._names[folder]] if folder in self._names else [path]

    async def close(self) -> None:
        """End the watch and its thread."""
        self._stop.set()
        try:
            await asyncio.wait((self.events,))
            self.events.exception()
        finally:
            self.release()

    def release(self) -> None:
        """Give the system's resources back; only when nothing listens."""
        self._notify.close()
        self._thread.shutdown(wait=False)


def _opened(list_folders: Callable[[], _Listing]) -> tuple[_Subscription, bool]:
    """Watch the folders, and list them again; whether they still differ after some tries. Blocks."""
    listing = list_folders()
    for tries in range(1, TRIES_MAX + 1):
        try:
            subscription = _Subscription(listing)
        except FileNotFoundError:
            if tries == TRIES_MAX:
                raise
            listing = list_folders()
            continue
        after = list_folders()
        if after == listing or tries == TRIES_MAX:
            return subscription, after != listing
        subscription.release()
        listing = after
    raise AssertionError("the last try returns or raises")


def _silence(listing: _Listing) -> str | None:
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
    if "watch limit" in str(error):
        return "the system has no more watches; allow more: sysctl fs.inotify.max_user_watches"
    return f"the system refused to watch: {error}"


def _identity(path: str) -> _Identity | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_folder(path: str) -> bool:
    return os.path.isdir(path)


def _lived_s() -> float:
    """A clock that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _touch(stir: Path) -> None:
    with contextlib.suppress(OSError):
        stir.write_bytes(b"")


def _write(cookie: Path) -> bool:
    try:
        os.close(os.open(cookie, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError:
        return False
    return True
