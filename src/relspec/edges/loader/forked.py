"""A child of the warm parent as the daemon sees it: asked one thing at a time, ended with all that it started."""

import asyncio
from typing import Any

import msgspec

from relspec.core.errors import WorkerError
from relspec.edges.async_wire import AsyncChannel
from relspec.edges.forking import Exited
from relspec.edges.loader.death import death_of
from relspec.edges.loader.messages import Configure, Noted, Reply, Request
from relspec.edges.warm_parent import ForkedChild, WarmParent
from relspec.edges.wire import GarbledError

#: How long the news of a child's end may take after its connection closed.
_GOODBYE_S = 1.0
#: How long it may take until a child that was killed is reaped: a parent that imports a library reaps nobody meanwhile.
_REAPED_S = 5.0
#: An answer that was sent before the child ended may be read after the news of its end.
_LATE_S = 0.2


class Child(msgspec.Struct, frozen=True, eq=False):
    parent: WarmParent
    project: Configure
    #: What its parent had been told to import when it was forked.
    expected: tuple[str, ...]
    forked: ForkedChild
    channel: AsyncChannel[Reply, Request]
    noted: list[Noted] = msgspec.field(default_factory=list)

    @property
    def exited(self) -> "asyncio.Future[Exited]":
        """The future of its end."""
        return self.forked.exited

    def alive(self) -> bool:
        """Whether it still runs; the parent's word of its end may be on its way."""
        return not self.exited.done() and self.forked.handle.alive()

    async def ask(self, request: Request) -> Reply:
        """Send a request and wait for its answer; raises WorkerError when the child ends instead.

        `noted` has what user code read and tried meanwhile.
        """
        self.noted.clear()
        receiving = asyncio.ensure_future(self._exchange(request))
        either: set[asyncio.Future[Any]] = {receiving, self.exited}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not receiving.done():
                await asyncio.wait({receiving}, timeout=_LATE_S)
            if receiving.done() and receiving.exception() is None:
                return receiving.result()
            if receiving.done() and isinstance(receiving.exception(), GarbledError):
                raise WorkerError("crash", "task code wrote into its process's connection to relspec-watch")
            await asyncio.wait({self.exited}, timeout=_GOODBYE_S)
            raise death_of(self.exited.result() if self.exited.done() else None)
        finally:
            receiving.cancel()

    async def end(self, patience_s: float = _REAPED_S) -> None:
        """Kill the child and wait until it was reaped; a parent that does not reap it (it may be stopped) goes too."""
        # The parent kills what it started as well; this one dies also where the parent is busy or stopped.
        self.parent.kill(self.forked.ticket)
        self.forked.handle.kill()
        self.channel.close()
        await asyncio.wait({self.exited}, timeout=patience_s)
        if not self.exited.done():
            self.parent.hear()
        if not self.exited.done():
            await self.parent.end()

    async def _exchange(self, request: Request) -> Reply:
        await self.channel.send(request)
        while isinstance(note := (reply := await self.channel.receive()).answer, Noted):
            self.noted.append(note)
        return reply
