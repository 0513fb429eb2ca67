"""The loader as the application knows it: sessions, each with a child that is forked when it is first needed.

A call that runs past its limit, is cancelled, or loses its child costs the child its life, at once; the next call of
the session gets a fresh child, which loads again what it needs. Nothing here retries: whoever asked decides.
"""

import asyncio
import functools
import logging
import socket
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import msgspec

from relspec.core.errors import InputMovedError, WorkerError
from relspec.core.layout import Layout
from relspec.core.problem import Problem
from relspec.core.schema import Schema
from relspec.core.settings import Settings
from relspec.core.spec import TaskSpec
from relspec.core.work import (
    BuildFailed,
    Built,
    Execute,
    Executed,
    Extract,
    Extracted,
    Loaded,
    LoadFailed,
    Needs,
)
from relspec.edges.async_wire import AsyncChannel
from relspec.edges.forking import Exited
from relspec.edges.loader.death import death_of
from relspec.edges.loader.messages import (
    Answer,
    Bounds,
    Configure,
    DoBuild,
    DoExecute,
    DoExtract,
    DoLoad,
    Fault,
    Fork,
    GaveBuildFailed,
    GaveBuilt,
    GaveExecuted,
    GaveExtracted,
    GaveLoaded,
    GaveLoadFailed,
    GaveNeeds,
    GaveProblem,
    InputMoved,
    Noted,
    Reply,
    Request,
    Take,
    Warm,
)
from relspec.edges.loader.program import program_of
from relspec.edges.warm_parent import START_S, ForkedChild, WarmParent
from relspec.edges.wire import GarbledError, WireError

_LOG = logging.getLogger("relspec.worker")
#: Only a daemon writes these down; without it nothing is to be printed.
_LOG.addHandler(logging.NullHandler())
#: What extractors need. It has no thread where Arrow's allocator has none in the background, so who has it can fork.
#: Arrow takes pandas in, where that is installed, with the first table that is made of lists.
_FOR_EXTRACTORS = ("pyarrow.parquet", "pandas")
#: What the interpreter and the libraries of ours hold themselves.
OWN_MB = 256
#: How long the news of a child's end may take after its connection closed, or after it was killed.
_GOODBYE_S = 1.0
#: An answer that was sent before the child ended may be read after the news of its end.
_LATE_S = 0.2


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
        self._extractors = False
        self._children: set[_Child] = set()
        self._spare: _Child | None = None
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
        if self._preparing is not None:
            self._preparing.cancel()
            await asyncio.wait((self._preparing,))
        for child in list(self._children):
            child.channel.close()
        self._children.clear()
        if self._parent is not None:
            parent, self._parent = self._parent, None
            await parent.end()
        await asyncio.gather(*self._ending)

    def expect_extractors(self) -> None:
        """Have children ready for extractors, from now on: their imports cost most of what a save does."""
        if not self._extractors:
            self._extractors = True
            if self._parent is not None:
                self._parent.order(Warm(_FOR_EXTRACTORS))
            self._drop_spare()

    def prepare(self) -> None:
        """Have a child ready for the next session, where there was one before: a save would wait 10 ms for it."""
        if self._spare is not None and not self._is_fit(self._spare):
            self._drop_spare()
        at_it = self._preparing is not None and not self._preparing.done()
        if self._was_needed and self._spare is None and not at_it:
            self._preparing = asyncio.get_running_loop().create_task(self._prepare())

    async def _prepare(self) -> None:
        # Where there is no room for it now, the next session finds out whether there is then.
        with suppress(WorkerError, OSError):
            self._spare = await self._fork(waits=True)

    def _is_fit(self, spare: "_Child") -> bool:
        return not spare.exited.done() and spare.project is self.project

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
    async def session(self) -> AsyncIterator["Session"]:
        """Open a session; nothing is forked before its first call."""
        session = Session(self)
        try:
            yield session
        finally:
            await session.end()

    async def fork(self) -> "_Child":
        """Give a child that knows the project: the one that waits for this, or a new one. Raises WorkerError."""
        self._was_needed = True
        spare = self._spare
        if spare is not None and self._is_fit(spare):
            self._spare = None
            spare.parent.order(Take(spare.forked.ticket))
            return spare
        return await self._fork(waits=False)

    async def _fork(self, *, waits: bool) -> "_Child":
        if self._parent is None or not self._parent.alive:
            if self._parent is not None:
                await self._parent.end()
            self._parent = self._started()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                order = functools.partial(Fork, bounds=self._bounds, waits=waits)
                forked = await self._parent.fork(order, theirs.fileno())
            channel: AsyncChannel[Reply, Request] = await AsyncChannel.over(ours, Reply)
        except BaseException:
            ours.close()
            raise
        child = _Child(self._parent, self.project, forked, channel)
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

    def _started(self) -> WarmParent:
        parent = WarmParent.start(program_of(self._module, self._timezone), self._replace)
        if self._extractors:
            parent.order(Warm(_FOR_EXTRACTORS))
        return parent

    def _replace(self) -> None:
        """Start another parent at once in place of one that is gone: who asks next finds it warm."""
        if self._parent is None or self._parent.alive:
            return
        self._let_end(self._parent.end())
        # Where the system has no room for it now, the next call tries again.
        with suppress(OSError):
            self._parent = self._started()

    def limit_of(self, request: Request) -> float:
        """Give the seconds that a request may take."""
        match request:
            case DoBuild():
                return self._limits.build_s
            case DoExecute() | DoExtract():
                return self._limits.query_s
        return self._limits.load_s


def _folders(root: str, settings: Settings) -> tuple[str, ...]:
    return tuple(f"{root}/{folder}" for folder in settings.tasks)


@dataclass(frozen=True, eq=False)
class _Child:
    parent: WarmParent
    project: Configure
    forked: ForkedChild
    channel: AsyncChannel[Reply, Request]
    noted: list[Noted] = field(default_factory=list)

    @property
    def exited(self) -> "asyncio.Future[Exited]":
        """The future of its end."""
        return self.forked.exited

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

    async def end(self, patience_s: float = _GOODBYE_S) -> None:
        """Kill the child and wait until it was reaped; a parent that does not reap it (it may be stopped) goes too."""
        self.parent.kill(self.forked.ticket)
        self.channel.close()
        await asyncio.wait({self.exited}, timeout=patience_s)
        if not self.exited.done():
            await self.parent.end()

    async def _exchange(self, request: Request) -> Reply:
        await self.channel.send(request)
        while isinstance(note := (reply := await self.channel.receive()).answer, Noted):
            self.noted.append(note)
        return reply


class Session:
    """The calls of one build; implements `app.ports.LoaderSession`. Calls wait for each other."""

    def __init__(self, loader: ForkingLoader) -> None:
        self._loader = loader
        self._child: _Child | None = None
        self._turn = asyncio.Lock()

    async def load(self, path: str) -> Loaded | LoadFailed:
        """Load a Python source by its path as the user knows it."""
        answer = await self._ask(DoLoad(path))
        if not isinstance(answer, (GaveLoaded, GaveLoadFailed)):
            raise await self._surprised(answer)
        return answer.value

    async def build(self, spec: TaskSpec, schemas: Mapping[str, Schema]) -> Built | Needs | BuildFailed:
        """Run the builder of a task; `schemas` are those of datasets, by name without regard to case."""
        answer = await self._ask(DoBuild(spec, tuple(schemas.items())))
        if not isinstance(answer, (GaveBuilt, GaveNeeds, GaveBuildFailed)):
            raise await self._surprised(answer)
        return answer.value

    async def extract(self, request: Extract) -> Extracted | Problem:
        """Run an extractor on one file."""
        answer = await self._ask(DoExtract(request))
        if not isinstance(answer, (GaveExtracted, GaveProblem)):
            raise await self._surprised(answer)
        return answer.value

    async def execute(self, request: Execute) -> Executed | Problem:
        """Run a query that calls Python functions of the user."""
        answer = await self._ask(DoExecute(request))
        if not isinstance(answer, (GaveExecuted, GaveProblem)):
            raise await self._surprised(answer)
        return answer.value

    def beside(self) -> "Session":
        """Open another session, which forks a child of its own; who asked for it ends it."""
        return Session(self._loader)

    async def end(self) -> None:
        """End the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            await child.end()

    async def _ask(self, request: Request) -> Answer:
        async with self._turn:
            if self._child is None or self._child.exited.done():
                await self.end()
                self._child = await self._loader.fork()
            limit, noted = self._loader.limit_of(request), self._child.noted
            try:
                async with asyncio.timeout(limit):
                    reply = await self._child.ask(request)
            except TimeoutError as error:
                _LOG.warning("a session of the loader is lost: %s did not end within %g s", _named(request), limit)
                await self.end()
                raise _told(WorkerError("timeout", f"it did not end within {limit:g} s"), noted) from error
            except WorkerError as error:
                _LOG.warning("a session of the loader is lost at %s: %s", _named(request), error)
                _told(error, noted)
                await self.end()
                raise
            except BaseException:
                await self.end()
                raise
            if reply.spoilt is not None:
                # Whoever is next, also of the same file, gets a process that is as it should be.
                await self.end()
            return await self._sound(request, reply.answer)

    async def _surprised(self, answer: Answer) -> WorkerError:
        await self.end()
        return WorkerError("crash", f"its process gave {type(answer).__name__}, which is no answer to the request")

    async def _sound(self, request: Request, answer: Answer) -> Answer:
        if isinstance(answer, InputMoved) and isinstance(request, (DoExtract, DoExecute)):
            raise InputMovedError(answer.path)
        if isinstance(answer, Fault):
            await self.end()
            raise WorkerError("memory" if answer.memory else "crash", answer.message)
        return answer


def _told(error: WorkerError, noted: Iterable[Noted]) -> WorkerError:
    """Let an error say what user code had read and tried until then; what was read first counts."""
    error.files = tuple({use.path: use for note in reversed(list(noted)) for use in note.files}.values())
    error.imports = tuple(sorted({name for note in noted for name in note.imports}))
    return error


def _named(request: Request) -> str:
    return type(request).__name__.removeprefix("Do").lower()
