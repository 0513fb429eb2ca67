"""The daemon's end of a connection, in the loop that a daemon has and in the one that everybody else has."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop

from relspec.edges.async_wire import AsyncChannel
from relspec.edges.wire import Channel, WireError

Case = Callable[[AsyncChannel[Any, Any], socket.socket], Awaitable[None]]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def played(request: pytest.FixtureRequest) -> Callable[[Case], None]:
    """Plays a case with both ends of a connection; nothing is left to the loop to complain of."""

    def play(case: Case) -> None:
        complaints: list[dict[str, Any]] = []

        async def body() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
            ours, theirs = socket.socketpair()
            channel: AsyncChannel[Any, Any] = await AsyncChannel.over(ours, Any)
            with theirs:
                await case(channel, theirs)
            channel.close()
            await asyncio.sleep(0)

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(body())
        assert complaints == []

    return play


def test_what_is_said_is_heard(played: Callable[[Case], None]) -> None:
    async def case(channel: AsyncChannel[Any, Any], peer: socket.socket) -> None:
        other: Channel[Any, Any] = Channel(peer, Any)
        for message in ({"a": 1}, {"b": "x" * 3_000_000}):
            sent = asyncio.create_task(channel.send(message))
            assert await asyncio.to_thread(other.receive) == message
            await sent
            answered = asyncio.create_task(asyncio.to_thread(other.send, message))
            assert await channel.receive() == message
            await answered

    played(case)


async def goes_on(channel: AsyncChannel[Any, Any], message: dict[str, str]) -> None:
    for _ in range(1000):
        await channel.send(message)
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("unread", [False, True], ids=["read", "unread"])
@pytest.mark.parametrize("size", [10, 3_000_000])
def test_who_speaks_to_nobody_is_told_so(played: Callable[[Case], None], unread: bool, size: int) -> None:
    """Caught: a peer that died with words unread made the next word an error of the loop's own."""

    async def case(channel: AsyncChannel[Any, Any], peer: socket.socket) -> None:
        if unread:
            await channel.send({"a": 1})
        peer.close()
        with pytest.raises(WireError):
            await goes_on(channel, {"a": "x" * size})
        with pytest.raises(WireError):
            await channel.receive()
        with pytest.raises(WireError):
            await channel.send({"a": 1})

    played(case)
