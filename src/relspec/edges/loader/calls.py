"""A session as the application knows it: the calls of one build, answered by a child that is forked for the first.

A call that runs past its limit, is cancelled, or loses its child costs the child its life, at once; the next call of
the session gets a fresh child, which loads again what it needs. Nothing here retries: whoever asked decides.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from relspec.core.errors import InputMovedError, WorkerError
from relspec.core.problem import Problem
from relspec.core.schema import Schema
from relspec.core.settings import Limits
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
from relspec.edges.loader.forked import Child
from relspec.edges.loader.messages import (
    Answer,
    DoBuild,
    DoExecute,
    DoExtract,
    DoLoad,
    Fault,
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
    Request,
)

_LOG = logging.getLogger("relspec.worker")
#: Only a daemon writes these down; without it nothing is to be printed.
_LOG.addHandler(logging.NullHandler())


class Session:
    """The calls of one build; implements `app.ports.LoaderSession`. Calls wait for each other.

    `executes` is called before each query.
    """

    def __init__(
        self, fork: Callable[[], Awaitable[Child]], limits: Limits, executes: Callable[[], None] = lambda: None
    ) -> None:
        self._fork = fork
        self._limits = limits
        self._executes = executes
        self._child: Child | None = None
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
        self._executes()
        answer = await self._ask(DoExecute(request))
        if not isinstance(answer, (GaveExecuted, GaveProblem)):
            raise await self._surprised(answer)
        return answer.value

    def beside(self) -> "Session":
        """Open another session, which forks a child of its own; who asked for it ends it."""
        return Session(self._fork, self._limits, self._executes)

    async def end(self) -> None:
        """End the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            await child.end()

    async def _ask(self, request: Request) -> Answer:
        async with self._turn:
            if self._child is None or self._child.exited.done():
                await self.end()
                self._child = await self._fork()
            limit, noted = self._limit_of(request), self._child.noted
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

    def _limit_of(self, request: Request) -> float:
        match request:
            case DoBuild():
                return self._limits.build_s
            case DoExecute() | DoExtract():
                return self._limits.query_s
        return self._limits.load_s

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
