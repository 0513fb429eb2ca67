"""Executions in flight, by key. A run that is superseded leaves its queries running; the next run takes those over
whose key it needs, and ends the others. So an edit elsewhere does not restart a long query, and obsolete work dies.
Queries that call Python functions are not among them: they end with the session that runs them.

What an execution that was taken over measured of its result is what its first request asked for: the readers may be
others by now. So an answer comes with the request that it answers.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from relspec.core.problem import Problem
from relspec.core.work import Execute, Executed


class _InFlight(msgspec.Struct, frozen=True):
    request: Execute
    work: "asyncio.Task[Executed | Problem]"


class Executions:
    """All queries that run now."""

    def __init__(self) -> None:
        self._by_key: dict[str, _InFlight] = {}

    async def run(
        self,
        request: Execute,
        start: Callable[[Execute], Coroutine[Any, Any, Executed | Problem]],
        begun: Callable[[], None],
    ) -> tuple[Execute, Executed | Problem]:
        """Wait for an execution, started here unless its key is in flight: the request that it answers, and the answer.

        `begun` is called when it is under way. Cancelling the wait leaves it running.
        """
        key = request.key
        flight = self._by_key.get(key)
        if flight is None:
            flight = _InFlight(request, asyncio.create_task(start(request)))
            self._by_key[key] = flight
            flight.work.add_done_callback(lambda work: self._ended(key, work))
        # Now it is sent, and whatever is done next is done beside it.
        await asyncio.sleep(0)
        begun()
        return flight.request, await asyncio.shield(flight.work)

    def _ended(self, key: str, work: "asyncio.Task[Executed | Problem]") -> None:
        self._by_key.pop(key, None)
        if not work.cancelled():
            # Whoever waits is told of a failure; where nobody does any more, it is of no concern.
            work.exception()

    def kill(self, task: str) -> None:
        """Begin to kill what runs for a task; whoever may start it anew waits with `end` first."""
        for flight in self._by_key.values():
            if flight.request.task == task:
                flight.work.cancel()

    async def end(self, obsolete: Callable[[str], bool]) -> None:
        """Kill what runs for tasks that are obsolete, and wait until it is gone."""
        doomed = [f.work for f in self._by_key.values() if obsolete(f.request.task)]
        for work in doomed:
            work.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)

    def tasks(self) -> frozenset[str]:
        """The tasks whose queries run now."""
        return frozenset(f.request.task for f in self._by_key.values())
