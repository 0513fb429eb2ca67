"""Engines and loader sessions whose questions are told to a trace, from the asking to the answer."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from relspec.app.ports import Engines, Loader, LoaderSession
from relspec.core.problem import Problem
from relspec.core.schema import Schema
from relspec.core.settings import Settings
from relspec.core.spec import TaskSpec
from relspec.core.trace import Trace
from relspec.core.work import (
    Analyse,
    Analysed,
    BuildFailed,
    Built,
    Execute,
    Executed,
    Extract,
    Extracted,
    Intake,
    Intaken,
    Loaded,
    LoadFailed,
    Measure,
    Measured,
    Needs,
    Published,
    PublishViews,
)


class TracedEngines:
    """Asks `engines`; implements `app.ports.Engines`."""

    def __init__(self, engines: Engines, trace: Trace) -> None:
        self._engines = engines
        self._trace = trace

    async def intake(self, request: Intake) -> Intaken | Problem:
        """Take in one file of a source."""
        with self._trace.beside("intake", request.shown):
            return await self._engines.intake(request)

    async def analyse(self, request: Analyse) -> Analysed | Needs | Problem:
        """Compile one query."""
        with self._trace.beside("analyse", request.task):
            return await self._engines.analyse(request)

    async def measure(self, request: Measure) -> Measured:
        """Digest parts."""
        with self._trace.beside("measure"):
            return await self._engines.measure(request)

    async def execute(self, request: Execute) -> Executed | Problem:
        """Run one query."""
        with self._trace.beside("execute", request.task):
            return await self._engines.execute(request)

    async def publish(self, request: PublishViews) -> Published:
        """Bring the file of views to a revision."""
        with self._trace.beside("publish views"):
            return await self._engines.publish(request)

    def prepare(self, request: PublishViews) -> None:
        """Begin a publication ahead; how long that takes nobody waits for."""
        self._engines.prepare(request)


class TracedLoader:
    """Opens sessions of `loader`; implements `app.ports.Loader`."""

    def __init__(self, loader: Loader, trace: Trace) -> None:
        self._loader = loader
        self._trace = trace
        self.expect_extractors = loader.expect_extractors
        self.expect_functions = loader.expect_functions
        self.prepare = loader.prepare

    def reconfigure(self, settings: Settings) -> None:
        """Take other task folders over."""
        self._loader.reconfigure(settings)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[LoaderSession]:
        """Open a session."""
        async with self._loader.session() as session:
            yield _TracedSession(session, self._trace)


class _TracedSession:
    def __init__(self, session: LoaderSession, trace: Trace) -> None:
        self._session = session
        self._trace = trace
        self.end = session.end

    async def load(self, path: str) -> Loaded | LoadFailed:
        with self._trace.beside("load file", path):
            return await self._session.load(path)

    async def build(self, spec: TaskSpec, schemas: Mapping[str, Schema]) -> Built | Needs | BuildFailed:
        with self._trace.beside("call builder", spec.name):
            return await self._session.build(spec, schemas)

    async def extract(self, request: Extract) -> Extracted | Problem:
        with self._trace.beside("extract", request.extractor.name):
            return await self._session.extract(request)

    async def execute(self, request: Execute) -> Executed | Problem:
        with self._trace.beside("execute", request.task):
            return await self._session.execute(request)

    def beside(self) -> LoaderSession:
        return _TracedSession(self._session.beside(), self._trace)
