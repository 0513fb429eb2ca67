"""Long loops that let others have their turn: questions are answered while thousands of tasks are looked at."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

#: A task or a file takes a tenth of a millisecond where it is looked at.
TURN = 64

Item = TypeVar("Item")


async def in_turns(items: Iterable[Item]) -> AsyncIterator[Item]:
    """Give the items; after so many, whatever else waits in the loop comes first. A cancellation is met there."""
    for number, item in enumerate(items, 1):
        yield item
        if number % TURN == 0:
            await asyncio.sleep(0)
