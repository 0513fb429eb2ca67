"""Executions in flight, by key. A run that is superseded leaves its queries running; the next run takes those over
whose key it needs, and ends the others. So an edit elsewhere does not restart a long query, and obsolete work dies.
Queries that call Python functions are not among them: they end with the session that runs them.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from relspec.core.problem import Problem
from relspec.core.work import Executed


@dataclass(frozen=True, slots=True)
class _InFlight:
    task: str
    work: "asyncio.Task[Executed | Problem]"


class Executions:
    """All queries that run now."""

    def __init__(self) -> None:
        self._by_key: dict[str, _InFlight] = {}

    async def run(
        self, key: str, task: str, start: Callable[[], Coroutine[Any, Any, Executed | Problem]]
    ) -> Executed | Problem:
        """Wait for the execution `key`, started here unless it is in flight. Cancelling the wait leaves it running."""
        flight = self._by_key.get(key)
        if flight is None:
            flight = _InFlight(task, asyncio.create_task(start()))
            self._by_key[key] = flight
            flight.work.add_done_callback(lambda _: self._by_key.pop(key, None))
        return await asyncio.shield(flight.work)

    async def end(self, obsolete: Callable[[str], bool]) -> None:
        """Kill what runs for tasks that are obsolete, and wait until it is gone."""
        doomed = [f.work for f in self._by_key.values() if obsolete(f.task)]
        for work in doomed:
            work.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)

    def tasks(self) -> frozenset[str]:
        """The tasks whose queries run now."""
        return frozenset(f.task for f in self._by_key.values())
