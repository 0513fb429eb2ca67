"""The engines as the application knows them: a few processes, one question each at a time.

A daemon has them started ahead: there is always one process more than calls may run at once. A call that is cancelled,
runs past its limit or loses its process costs that process its life, at once; the next call takes the spare, and a new
spare starts in the background. The file of views belongs to one further process, started when it is first needed.

All are forked from one parent, which has imported what they need: that takes it 0.4 s, and each of them 20 ms.

A command is over before a spare is of use. It has processes started when they are asked: a call that finds neither a
free process nor one that is starting for it starts one, and any of them publishes. One that will ask them all has them
started at once.

Callers wait in the order in which they came. Nothing here retries: whoever asked decides what a lost process means.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from relspec.core.errors import InputMovedError, RelspecError, WorkerError
from relspec.core.problem import Code, Problem
from relspec.core.settings import Limits
from relspec.core.work import (
    Analyse,
    Analysed,
    Execute,
    Executed,
    Intake,
    Intaken,
    Measure,
    Measured,
    Needs,
    Published,
    PublishViews,
)
from relspec.edges.engine.free import FreeEngines
from relspec.edges.engine.protocol import (
    Answer,
    AskAnalyse,
    AskExecute,
    AskIntake,
    AskMeasure,
    AskPrepare,
    AskPublish,
    Fault,
    GaveAnalysed,
    GaveExecuted,
    GaveIntaken,
    GaveMeasured,
    GaveNeeds,
    GaveProblem,
    GavePublished,
    InputMoved,
    Launch,
    Question,
)
from relspec.edges.engine.worker import Worker
from relspec.edges.warm_parent import Program, WarmParent, no_room

_LOG = logging.getLogger("relspec.worker")
#: Only a daemon writes these down; without it nothing is to be printed.
_LOG.addHandler(logging.NullHandler())

_PARENT = Program(
    "relspec.edges.engine",
    {"LC_ALL": "C", "PYTHONUTF8": "1", "TZ": "UTC", "OPENBLAS_NUM_THREADS": "1"},
    "the engine",
)


class Start(Enum):
    """When processes start: before they are needed, with one to spare or without, or each when it is first needed."""

    AHEAD = auto()
    AT_ONCE = auto()
    ASKED = auto()


class EnginePool:
    """Runs engine processes while it is open as an async context manager; implements `app.ports.Engines`.

    `temporary` is the directory that requests name too: what a killed process leaves there is removed.
    """

    def __init__(self, limits: Limits, timezone: str, temporary: Path, start: Start = Start.AHEAD) -> None:
        self._limits = limits
        self._start = start
        self._ahead = start is Start.AHEAD
        self._launch = Launch(limits.memory_mb, limits.spill_mb, timezone, str(temporary), publishes=False)
        self._parent: WarmParent | None = None
        #: With those that are lost and not yet ended.
        self._parents: set[WarmParent] = set()
        self._free = FreeEngines()
        self._slots = asyncio.Semaphore(limits.workers)
        self._workers: set[Worker] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._starting = 0
        self._publishing = asyncio.Lock()
        self._publisher: Worker | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        """Begin to start the processes, if that is to be ahead; calls wait for the first that is warm."""
        if self._start is not Start.ASKED:
            for _ in range(self._limits.workers + self._ahead):
                self._start_soon()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all processes."""
        await self.close()

    async def close(self) -> None:
        """Kill and reap every process, whatever it does; calls that still wait for one raise WorkerError."""
        self._closed = True
        for worker in self._workers:
            worker.kill()
        self._free.close(_closed())
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        try:
            await asyncio.gather(*(self._retire(worker) for worker in tuple(self._workers)))
        finally:
            await asyncio.gather(*(parent.end() for parent in self._parents))

    def pids(self) -> frozenset[int]:
        """Name the processes that run now."""
        return frozenset(worker.pid for worker in self._workers)

    async def intake(self, request: Intake) -> Intaken | Problem:
        """Take in one file of a source."""
        if not _is_utf8(request.path):
            message = "the name of this file cannot be written as text; rename it"
            return Problem(Code.UNREADABLE, None, repr(request.shown), None, None, message, None)
        match await self._call(AskIntake(request), self._limits.query_s):
            case GaveIntaken(value=value) | GaveProblem(value=value):
                return value
            case answer:
                raise _surprise(answer)

    async def analyse(self, request: Analyse) -> Analysed | Needs | Problem:
        """Compile one query; executes nothing."""
        match await self._call(AskAnalyse(request), self._limits.build_s):
            case GaveAnalysed(value=value) | GaveNeeds(value=value) | GaveProblem(value=value):
                return value
            case answer:
                raise _surprise(answer)

    async def measure(self, request: Measure) -> Measured:
        """Digest one part."""
        match await self._call(AskMeasure(request), self._limits.query_s):
            case GaveMeasured(value=value):
                return value
            case answer:
                raise _surprise(answer)

    async def execute(self, request: Execute) -> Executed | Problem:
        """Run one query and store its object."""
        match await self._call(AskExecute(request), self._limits.query_s):
            case GaveExecuted(value=value) | GaveProblem(value=value):
                return value
            case answer:
                raise _surprise(answer)

    def prepare(self, request: PublishViews) -> None:
        """Have done what can be done of a publication before it may be shown, by the process that will publish."""
        if self._ahead and not self._closed:
            self._later(self._prepare(request))

    async def _prepare(self, request: PublishViews) -> None:
        # Whoever publishes finds out by itself, and asks anew.
        with contextlib.suppress(WorkerError):
            await self._ask_publisher(AskPrepare(request))

    async def publish(self, request: PublishViews) -> Published:
        """Bring the file of views to a revision; after a WorkerError ask again without a stamp."""
        if self._ahead:
            answer = await self._ask_publisher(AskPublish(request))
        else:
            answer = await self._call(AskPublish(request), self._limits.query_s)
        if not isinstance(answer, GavePublished):
            raise _surprise(answer)
        return answer.value

    async def _ask_publisher(self, question: AskPrepare | AskPublish) -> Answer:
        async with self._publishing:
            worker = self._publisher
            if self._closed:
                raise _closed()
            if worker is not None and not worker.alive():
                self._idle_death(worker)
                worker = self._publisher = None
            if worker is None:
                worker = self._publisher = await self._new_worker(msgspec.structs.replace(self._launch, publishes=True))
            try:
                return await _ask(worker, question, self._limits.query_s)
            except BaseException:
                self._publisher = None
                self._discard(worker)
                raise

    async def _call(self, question: Question, limit_s: float) -> Answer:
        async with self._slots:
            worker = await self._take()
            try:
                answer = await _ask(worker, question, limit_s)
            except BaseException:
                self._discard(worker)
                self._replace()
                raise
            self._free.give(worker)
            return answer

    async def _take(self) -> Worker:
        while True:
            if not self._free.any and self._starting <= self._free.n_calls:
                self._start_soon()
            try:
                found = await self._free.take()
            except WorkerError:
                self._replace()
                raise
            if found.alive():
                return found
            self._idle_death(found)
            self._replace()

    def _idle_death(self, worker: Worker) -> None:
        """Let go of one that died while nobody asked it anything, so nobody is to blame."""
        _LOG.warning("engine process %d ended while it had nothing to do", worker.pid)
        self._discard(worker)

    def _replace(self) -> None:
        if self._ahead:
            self._start_soon()

    def _start_soon(self) -> None:
        if not self._closed:
            self._starting += 1
            self._later(self._start_one())

    async def _start_one(self) -> None:
        try:
            self._free.give(await self._new_worker(self._launch))
        except WorkerError as error:
            self._not_started(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits has to hear of it.
            self._not_started(no_room(str(error)))
        finally:
            self._starting -= 1

    def _not_started(self, error: WorkerError) -> None:
        # Whoever comes later finds out whether there is room then.
        if not self._free.fail(error):
            _LOG.warning("an engine process did not start: %s", error)

    async def _new_worker(self, launch: Launch) -> Worker:
        if self._parent is None or not self._parent.alive:
            self._parent = WarmParent.start(_PARENT, self._lost)
            self._parents.add(self._parent)
        worker = await Worker.start(self._parent, launch)
        if self._closed:
            # Who closed them did not know of this one.
            await worker.end()
            raise _closed()
        self._workers.add(worker)
        return worker

    def _lost(self, parent: WarmParent) -> None:
        # Its engines are gone with it: who takes one notices, and starts others.
        if not self._closed:
            self._later(self._end_of(parent))

    async def _end_of(self, parent: WarmParent) -> None:
        await parent.end()
        self._parents.discard(parent)

    def _discard(self, worker: Worker) -> None:
        worker.kill()
        if not self._closed:
            self._later(self._retire(worker))

    async def _retire(self, worker: Worker) -> None:
        await worker.end()
        self._workers.discard(worker)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


async def _ask(worker: Worker, question: Question, limit_s: float) -> Answer:
    try:
        return await _answer(worker, question, limit_s)
    except WorkerError as error:
        _LOG.warning("engine process %d is lost (%s): %s", worker.pid, error.cause, error)
        raise


async def _answer(worker: Worker, question: Question, limit_s: float) -> Answer:
    try:
        async with asyncio.timeout(limit_s):
            answer = await worker.ask(question)
    except TimeoutError as error:
        raise WorkerError("timeout", f"the work took longer than {limit_s:g} s and was ended") from error
    if isinstance(answer, Fault):
        raise WorkerError("memory" if answer.memory else "crash", answer.message)
    return answer


def _surprise(answer: Answer) -> RelspecError:
    if isinstance(answer, InputMoved):
        return InputMovedError(answer.path)
    return WorkerError("crash", f"an engine process gave {type(answer).__name__}, which is no answer to the question")


def _closed() -> WorkerError:
    return WorkerError("cancelled", "the engines were closed")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
