"""A simulated loader: its sessions read Python files of the form of `pyfiles.py`, each once, and run them by that.

A session lasts for one build. Where its process ends at a file it goes on with another one, which reads anew.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tests.sim import pyfiles
from tests.sim.disk import Disk
from tests.sim.effects import DELAY_S, Effects
from tests.sim.engines import CAUSES
from tests.sim.loop import SimLoop
from tests.sim.pyfiles import HELPER, PyTask

from relspec.core.digest import content_of
from relspec.core.errors import WorkerError
from relspec.core.plan import FileUse
from relspec.core.problem import Code, Problem
from relspec.core.schema import Column, Schema
from relspec.core.settings import Settings
from relspec.core.spec import DEFAULT_CACHE_POLICY, Builder, Kind, Language, TaskSpec
from relspec.core.work import (
    BuildFailed,
    Built,
    Execute,
    Executed,
    Extract,
    Extracted,
    Loaded,
    LoadFailed,
    Named,
    Needs,
)

_ENDS = {pyfiles.HANGS: "timeout", pyfiles.DIES: "crash"}


class SimLoader:
    """The warm parent. `load_s` is how long an import may take."""

    def __init__(self, root: str, disk: Disk, effects: Effects, slow_s: float, load_s: float) -> None:
        self.root, self.disk, self.effects = root, disk, effects
        self.slow_s, self.load_s = slow_s, load_s

    @asynccontextmanager
    async def session(self) -> AsyncIterator["Session"]:
        """A session."""
        yield Session(self)

    def expect_extractors(self) -> None:
        """Never asked."""
        raise AssertionError

    def expect_functions(self) -> None:
        """Nothing is imported."""

    def prepare(self) -> None:
        """A process begins with what it reads."""

    def reconfigure(self, settings: Settings) -> None:
        """A file is found wherever it is."""


class Session:
    """The calls of one build."""

    def __init__(self, loader: SimLoader) -> None:
        self._loader = loader
        self._read: dict[str, bytes | None] = {}

    async def load(self, path: str) -> Loaded | LoadFailed:
        """Load one file."""
        await self._work("load", path)
        data = self._bytes(path)
        said = None if data is None else pyfiles.read(data)
        if said is None and data is not None and pyfiles.declares_nothing(data):
            return Loaded(path, (), (), self._files(path, said), (), ())
        if said is None:
            return LoadFailed(_problem(Code.SYNTAX, path, "it is not of the form"), self._files(path, said), ())
        imports = ("helper",) if said.helped else ()
        if said.helped and pyfiles.plus_of(self._bytes(HELPER)) is None:
            missing = self._bytes(HELPER) is None
            problem = _problem(Code.LOAD if missing else Code.SYNTAX, path if missing else HELPER, "it is no helper")
            return LoadFailed(problem, self._files(path, said), imports)
        if said.top in _ENDS:
            await self._end(_ENDS[said.top], self._files(path, said), imports)
        if said.top:
            return LoadFailed(_problem(Code.LOAD, path, said.top), self._files(path, said), imports)
        return Loaded(path, (_spec(path, data or b"", said),), (), self._files(path, said), imports, ())

    async def build(self, spec: TaskSpec, schemas: Mapping[str, Schema]) -> Built | Needs | BuildFailed:
        """Run one builder."""
        await self._work("build", spec.name)
        path = spec.builder.path
        data = self._bytes(path)
        said = None if data is None else pyfiles.read(data)
        files = self._files(path, said)
        if said is None or said.fails or said.name != spec.builder.function:
            return BuildFailed(_problem(Code.BUILDER, path, "it gives no table", spec.name), (), files)
        schema = {name.lower(): schema for name, schema in schemas.items()}.get(said.table)
        if schema is None:
            return Needs((Named(said.table, spec.line, 1),))
        text, column = said.query(self._bytes(HELPER)), schema.column(said.column)
        if text is None or column is None:
            code = Code.BUILDER if text is None else Code.UNKNOWN_COLUMN
            return BuildFailed(_problem(code, path, "it gives no table", spec.name), (said.table,), files)
        return Built(text, Schema((Column("a", column.type),)), (said.table,), (), (), files)

    async def extract(self, request: Extract) -> Extracted | Problem:
        """Never asked."""
        raise AssertionError(request)

    async def execute(self, request: Execute) -> Executed | Problem:
        """Never asked."""
        raise AssertionError(request)

    def beside(self) -> "Session":
        """Never asked."""
        raise AssertionError

    async def end(self) -> None:
        """Nothing to end."""

    def _bytes(self, path: str) -> bytes | None:
        """The bytes of a file, the same ones each time; `None` where it is not there."""
        where, disk = f"{self._loader.root}/{path}", self._loader.disk
        if path not in self._read:
            self._read[path] = disk.find(where).data if disk.has(where) else None
        return self._read[path]

    def _files(self, path: str, said: PyTask | None) -> tuple[FileUse, ...]:
        used = (path, HELPER) if said is not None and said.helped else (path,)
        return tuple(FileUse(p, content_of(data)) for p in used if (data := self._bytes(p)) is not None)

    async def _work(self, name: str, about: str) -> None:
        loop, loader = asyncio.get_running_loop(), self._loader
        assert isinstance(loop, SimLoop)
        fault = loader.effects.begin(name, about)
        await asyncio.sleep(loop.draw.random() ** 3 * loader.slow_s + (DELAY_S if fault == "delay" else 0.0))
        if fault == "error":
            await self._end(loop.draw.choice(CAUSES))
        loader.effects.end(fault)

    async def _end(self, cause: str, files: tuple[FileUse, ...] = (), imports: tuple[str, ...] = ()) -> None:
        """The process ends, and what it holds goes with it; what it had read and tried was told."""
        self._read.clear()
        await asyncio.sleep(self._loader.load_s if cause == "timeout" else 0.0)
        error = WorkerError(cause, "its process ended")
        error.files, error.imports = files, imports
        raise error


def _spec(path: str, data: bytes, said: PyTask) -> TaskSpec:
    line = data[: data.index(b"@task")].count(b"\n") + 1
    kind = Kind.MATERIALIZATION
    builder = Builder(Language.PYTHON, path, said.name)
    return TaskSpec(said.name, said.name, kind, DEFAULT_CACHE_POLICY[kind], 0, builder, line)


def _problem(code: Code, path: str, message: str, task: str | None = None) -> Problem:
    return Problem(code, task, path, 1, 1, message, None)
