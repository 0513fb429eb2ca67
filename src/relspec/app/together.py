"""Work at once whose end is one: nothing of it is left running behind a failure, and the failure is told as it is."""

import asyncio
from collections.abc import Coroutine, Iterable


async def together(works: Iterable[Coroutine[object, object, None]]) -> None:
    """Run all; the first error ends the rest, which is waited for, and is raised itself. So does a cancellation."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
