"""The loader as the application knows it: a warm parent, and sessions with children that are forked from it."""

import asyncio
import functools
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Self

import msgspec

from relspec.core.errors import WorkerError
from relspec.core.layout import Layout
from relspec.core.settings import Settings
from relspec.edges.async_wire import AsyncChannel
from relspec.edges.loader.calls import Session
from relspec.edges.loader.forked import Child
from relspec.edges.loader.messages import (
    Bounds,
    Configure,
    Fork,
    Reply,
    Request,
    Take,
    Warm,
)
from relspec.edges.loader.program import program_of
from relspec.edges.warm_parent import START_S, WarmParent
from relspec.edges.wire import WireError

#: What extractors need. It has no thread where Arrow's allocator has none in the background, so who has it can fork.
#: Arrow takes pandas in, where that is installed, with the first table that is made of lists.
_FOR_EXTRACTORS = ("pyarrow.parquet", "pandas")
#: What queries need that call Python functions. DuckDB takes in both libraries with the first that is called, which
#: would take each save of such a task 0.6 s.
_FOR_FUNCTIONS = ("relspec.app.loader_ahead", "pyarrow", "pandas")
#: What the interpreter and the libraries of ours hold themselves.
OWN_MB = 256


class ForkingLoader:
    """Runs the warm parent while it is open as an async context manager; implements `app.ports.Loader`.

    `module` is the parent's program. It is named rather than imported: it puts loader and engine together.
    """

    def __init__(self, layout: Layout, settings: Settings, module: str = "relspec.app.loader_process") -> None:
        self._limits = settings.limits
        self._timezone = settings.timezone
        self._module = module
        #: What each child is told first.
        self.project = Configure(
            root=str(layout.root),
            folders=_folders(str(layout.root), settings),
            state=str(layout.state),
            temporary=str(layout.temporary),
            timezone=settings.timezone,
            memory_mb=settings.limits.memory_mb,
            python_mb=settings.limits.python_mb,
            processes=settings.limits.processes,
            spill=str(layout.temporary / "loader.spill"),
            spill_mb=settings.limits.spill_mb,
        )
        limits = settings.limits
        self._bounds = Bounds(limits.processes, limits.memory_mb + limits.python_mb + OWN_MB, limits.output_kb)
        self._parent: WarmParent | None = None
        self._closed = False
        self._expected: tuple[str, ...] = ()
        self._functions_were_called = False
        self._children: set[Child] = set()
        self._spare: Child | None = None
        self._was_needed = False
        self._preparing: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Start the parent, which becomes warm in the background."""
        self._parent = self._started()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the parent and all children."""
        await self.close()

    def reconfigure(self, settings: Settings) -> None:
        """Take other task folders over; limits and time zone stay those of the start."""
        self.project = msgspec.structs.replace(self.project, folders=_folders(self.project.root, settings))

    @property
    def pid(self) -> int | None:
        """The parent's process id, while there is one."""
        return self._parent.pid if self._parent is not None and self._parent.alive else None

    async def close(self) -> None:
        """End the parent and all children; sessions that are still open are dead afterwards."""
        self._closed = True
        if self._preparing is not None:
            self._preparing.cancel()
            await asyncio.wait((self._preparing,))
        for child in list(self._children):
            child.channel.close()
        self._children.clear()
        if self._spare is not None:
            # One that ended is no longer among them.
            self._spare.channel.close()
            self._spare = None
        if self._parent is not None:
            parent, self._parent = self._parent, None
            await parent.end()
        await asyncio.gather(*self._ending)

    def expect_extractors(self) -> None:
        """Have children ready for extractors, from now on: their imports cost most of what a save does."""
        self._expect(_FOR_EXTRACTORS)

    def expect_functions(self) -> None:
        """Have children ready for queries that call Python functions, from now on, for the same reason."""
        self._expect(_FOR_FUNCTIONS)

    def _expect(self, modules: tuple[str, ...]) -> None:
        more = tuple(module for module in modules if module not in self._expected)
        if more:
            self._expected += more
            if self._parent is not None:
                self._parent.order(Warm(more))

    def prepare(self) -> None:
        """Have a child ready for the next session, where there was one before: a save would wait 10 ms for it."""
        if self._functions_were_called:
            self.expect_functions()
        if self._spare is not None and not self._is_fit(self._spare):
            self._drop_spare()
        at_it = self._preparing is not None and not self._preparing.done()
        # One that is not as the parent is by now serves until there is another.
        is_wanted = self._spare is None or self._spare.expected != self._expected
        if self._was_needed and is_wanted and not at_it:
            self._preparing = asyncio.get_running_loop().create_task(self._prepare())

    async def _prepare(self) -> None:
        # Where there is no room for it now, the next session finds out whether there is then.
        with suppress(WorkerError, OSError):
            child = await self._fork(waits=True)
            self._drop_spare()
            self._spare = child

    def _is_fit(self, spare: Child) -> bool:
        return spare.alive() and spare.project is self.project

    def _drop_spare(self) -> None:
        spare, self._spare = self._spare, None
        if spare is not None:
            # Nobody waits for it, and a parent that imports something reaps nobody meanwhile.
            self._let_end(spare.end(START_S))

    def _let_end(self, ending: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(ending)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Open a session; nothing is forked before its first call."""
        session = Session(self.fork, self._limits, self._note_call)
        try:
            yield session
        finally:
            await session.end()

    def _note_call(self) -> None:
        self._functions_were_called = True

    async def fork(self) -> Child:
        """Give a child that knows the project: the one that waits for this, or a new one. Raises WorkerError."""
        self._was_needed = True
        spare = self._spare
        if spare is not None and self._is_fit(spare):
            self._spare = None
            spare.parent.order(Take(spare.forked.ticket))
            return spare
        return await self._fork(waits=False)

    async def _fork(self, *, waits: bool) -> Child:
        parent = self._living()
        # Before it is asked: what is expected later is not in this one. What is expected now is, since nobody is at
        # work when one is made ready; were somebody, the next one would have it.
        expected = self._expected
        forked = await parent.fork(functools.partial(Fork, bounds=self._bounds, waits=waits))
        forked.exited.add_done_callback(lambda _: forked.handle.close())
        try:
            channel: AsyncChannel[Reply, Request] = await AsyncChannel.over(forked.connection, Reply)
        except BaseException:
            # What its other end is not told of ends by that.
            forked.connection.close()
            raise
        child = Child(parent, self.project, expected, forked, channel)
        self._children.add(child)
        forked.exited.add_done_callback(lambda _: self._children.discard(child))
        try:
            # Should it be dead already, the first request finds out.
            with suppress(WireError):
                await channel.send(child.project)
        except BaseException:
            # Nobody else knows of it yet.
            await child.end()
            raise
        return child

    def _living(self) -> WarmParent:
        if self._closed:
            raise WorkerError("cancelled", "the loader was closed")
        if self._parent is None or not self._parent.alive:
            self._parent = self._started()
        return self._parent

    def _started(self) -> WarmParent:
        parent = WarmParent.start(program_of(self._module, self._timezone), self._replace)
        if self._expected:
            parent.order(Warm(self._expected))
        return parent

    def _replace(self, lost: WarmParent) -> None:
        """Start another parent at once in place of one that was warm and is gone: who asks next finds it warm."""
        if lost is not self._parent:
            return
        self._let_end(lost.end())
        if lost.was_warm:
            # Where the system has no room for it now, the next call tries again.
            with suppress(WorkerError):
                self._parent = self._started()


def _folders(root: str, settings: Settings) -> tuple[str, ...]:
    return tuple(f"{root}/{folder}" for folder in settings.tasks)
