"""Where the kernel's queue cannot be read: watchfiles, which looks at its own in steps, on a thread.

Other folders cannot be added to a watch, so it is made anew, and events of the time between are lost. It tells neither
of an overflow, so a large batch is taken for one, nor of a writer who closes, so no file is known to be whole.

After a while without events it looks less often, so that an idle daemon costs next to nothing. What is asleep in it
cannot be told so, and waking it otherwise would lose events: an event of our own ends that sleep.
"""

import asyncio
import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from watchfiles._rust_notify import RustNotify

from relspec.edges.watch.source import Events, Listing, by_identity, placed

#: The watch sleeps so long between looks at its queue: 8 ms from a write to its hint, and 0.7 % of a core.
STEP_MS = 5
#: After so long without an event it sleeps longer, up to the next one: 30 ms to the first hint, and 0.2 % of a core.
CALM_S = 10.0
CALM_STEP_MS = 20
#: A burst is handed on in pieces of so long.
BATCH_MS = 50
#: So many events in one piece may be what is left after an overflow.
BATCH_MAX = 1_000


class Stepping:
    """One watch, and the one thread that sleeps in it. The event of our own is at `stir`, in a watched folder."""

    heard: "asyncio.Future[Any]"

    def __init__(self, stir: Path) -> None:
        self.step_ms = STEP_MS
        self._stir = stir
        self._moved_at = time.monotonic()
        self._names: dict[str, list[str]] = {}
        self._notify: RustNotify | None = None
        self._stop = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="watch")

    def follow(self, listing: Listing) -> None:
        """Make the watch anew."""
        self._close()
        folders = by_identity(listing).values()
        # The system tells of a folder under one name only.
        self._names = {names[0]: names for names in folders if len(names) > 1}
        # Not `awatch`, which does not say when the watch is in place: a look before that would miss what comes between.
        self._notify = RustNotify([names[0] for names in folders], False, False, 0, False, False)

    def listen(self) -> None:
        """Wait for the next events on the thread."""
        assert self._notify is not None
        self._stop = threading.Event()
        loop = asyncio.get_running_loop()
        self.heard = loop.run_in_executor(self._thread, self._notify.watch, BATCH_MS, self.step_ms, 0, self._stop)

    def take(self) -> Events:
        """What has come, but for our own event; where there is nothing and all is calm, the steps become longer."""
        told: set[tuple[int, str]] = self.heard.result()
        paths = {path for _, path in told} - {str(self._stir)}
        self.step_ms = CALM_STEP_MS if self._is_calm() and not paths else STEP_MS
        if paths:
            self._moved_at = time.monotonic()
        known = frozenset(name for path in paths for name in self._all_names(path))
        return Events(known, lost=len(paths) >= BATCH_MAX)

    def rest(self) -> None:
        """End a sleep in short steps, once all is calm."""
        if self._is_calm() and self.step_ms != CALM_STEP_MS:
            with contextlib.suppress(OSError):
                self._stir.write_bytes(b"")

    async def pause(self) -> None:
        """End the sleep, if there is one."""
        if hasattr(self, "heard"):
            self._stop.set()
            await asyncio.wait((self.heard,))
            if not self.heard.cancelled():
                self.heard.exception()

    def release(self) -> None:
        """End the watch and its thread."""
        self._close()
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._notify is not None:
            self._notify.close()
            self._notify = None

    def _is_calm(self) -> bool:
        return time.monotonic() >= self._moved_at + CALM_S

    def _all_names(self, path: str) -> list[str]:
        folder, _, name = path.rpartition("/")
        if path in self._names:
            return self._names[path]
        return placed(name, self._names[folder]) if folder in self._names else [path]
