"""Work at once ends at once: nothing runs on behind a failure, which is told as what it is."""

import asyncio

import pytest

from relspec.app.together import together
from relspec.core.errors import StateError


async def slow(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        # What has to be put back takes a moment too.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ended.append("slow")


async def test_a_failure_ends_the_rest_is_waited_for_and_is_raised_as_it_is() -> None:
    ended: list[str] = []

    async def fails() -> None:
        await asyncio.sleep(0)
        raise StateError("no room")

    with pytest.raises(StateError, match="no room"):
        await together([slow(ended), fails()])
    assert ended == ["slow"]


async def test_a_cancellation_waits_for_all() -> None:
    ended: list[str] = []
    whole = asyncio.create_task(together([slow(ended), slow(ended)]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    whole.cancel()
    with pytest.raises(asyncio.CancelledError):
        await whole
    assert ended == ["slow", "slow"]


async def test_all_that_ends_well_is_done() -> None:
    done: list[int] = []

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        done.append(number)

    await together(work(number) for number in range(5))
    assert done == [0, 1, 2, 3, 4]
