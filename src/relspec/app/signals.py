"""How signals end the daemon: SIGINT, SIGTERM and SIGHUP each once in good order, a second SIGINT at once.

A signal that was ignored when the process began stays ignored: so `nohup` and background jobs of scripts mean it. The
handlers are Python's own and not the loop's, because the second SIGINT has to work when the loop does not.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType

INTERRUPTED = 130


class Ending:
    """Whether the process was asked to end. `let_go` is called before an end at once; no clean-up happens then."""

    def __init__(self, let_go: Callable[[], None]) -> None:
        self._let_go = let_go
        self._loop = asyncio.get_running_loop()
        self._stop: Callable[[], None] | None = None
        self._is_asked = False
        self.interrupted = False
        for number, act in ((signal.SIGINT, self._interrupt), (signal.SIGTERM, self._ask), (signal.SIGHUP, self._ask)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, act)

    def tell(self, stop: Callable[[], None]) -> None:
        """Call `stop` in the loop when a signal comes, or now if one has come."""
        self._stop = stop
        if self._is_asked:
            stop()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted:
            self._let_go()
            os._exit(INTERRUPTED)
        self.interrupted = True
        self._ask(number, frame)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._is_asked = True
        if self._stop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop)
