"""Simulated engines: they read files and objects, compile and evaluate the queries of `language.py`, and misbehave.

Every request takes a drawn time, during which files may move: a file is hashed at its start and converted at its end,
between two looks at its stamp, as the real intake does. A request that is cancelled may go on for a while and finish
its object, as a process does until the signal reaches it.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any, Protocol, Self

from tests.sim import language
from tests.sim.disk import Disk, Status
from tests.sim.effects import DELAY_S, Effects
from tests.sim.language import Query, Table, WrongError
from tests.sim.loop import SimLoop
from tests.sim.state import State, Views

from relspec.core.dataset import Dataset, Format, Part, Reader
from relspec.core.digest import BagDigest, content_of, digest_of
from relspec.core.errors import InputMovedError, WorkerError
from relspec.core.finding import NOTHING_FOUND
from relspec.core.plan import Requirement
from relspec.core.problem import Code, Problem
from relspec.core.schema import Column, Schema
from relspec.core.work import (
    Analyse,
    Analysed,
    Execute,
    Executed,
    Intake,
    Intaken,
    Measure,
    Measured,
    Named,
    Needs,
    Published,
    PublishViews,
    ViewDefinition,
)

#: A young file is hashed again after its conversion.
RACY_NS = 2_000_000_000
#: How long a process that is killed may go on.
STUBBORN_S = 0.15
#: How a process ends that does not end well.
CAUSES = ("crash", "timeout", "memory")


class Seen(Protocol):
    """Who is told of what users may see, or others may read."""

    def executed(self, name: str, table: Table) -> None: ...
    def published(self) -> None: ...


class Engines:
    """The engines of one life. `running` counts what is being worked on; `slow_s` is what a request takes at most."""

    def __init__(self, disk: Disk, state: State, effects: Effects, slow_s: float, seen: Seen) -> None:
        self._disk = disk
        self._state = state
        self._effects = effects
        self._slow_s = slow_s
        self._seen = seen
        self.running = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.running == 0 or self._effects.dead, "work was left running"

    async def intake(self, request: Intake) -> Intaken | Problem:
        """Read one file of numbers."""
        try:
            inode = self._disk.find(request.path)
        except OSError as error:
            raise InputMovedError(request.path) from error
        before, first = inode.stat(), inode.data
        answer: list[Intaken | Problem] = []

        def work() -> None:
            answer.append(self._taken(request, before, first, inode.data))

        await self._work("intake", request.shown, work)
        if inode.stat() != before or not self._disk.has(request.path):
            raise InputMovedError(request.path)
        if self._disk.find(request.path).stat() != before:
            raise InputMovedError(request.path)
        return answer[-1]

    def _taken(self, request: Intake, before: Status, first: bytes, second: bytes) -> Intaken | Problem:
        content = content_of(first)
        known = request.known
        if known is not None and known.content == content and known.part.content in self._state.objects:
            return known
        try:
            header, rows = language.table_of_csv(second)
        except WrongError as error:
            message = f"{request.shown}: {error}"
            return Problem(Code.UNREADABLE, None, request.shown, 1, 1, message, None)
        if abs(self._disk.now_ns() - before.st_mtime_ns) < RACY_NS and first != second:
            raise InputMovedError(request.path)
        schema = Schema(tuple(Column(*column) for column in header))
        stored = self._settle((header, rows))
        part = Part(stored, f"{request.objects}/{stored}.parquet", len(rows), None)
        reader = Reader(Format.CSV, schema.columns, ",", '"', '"', header=True)
        # As if the bytes told columns apart, which they do in Parquet alone.
        hashes = (
            (column.name.lower(), digest_of(repr([row[at] for row in rows])))
            for at, column in enumerate(schema.columns)
        )
        return Intaken(content, part, schema, reader, tuple(hashes))

    async def analyse(self, request: Analyse) -> Analysed | Needs | Problem:
        """Compile one query."""
        answer: list[Analysed | Needs | Problem] = []
        await self._work("analyse", request.task, lambda: answer.append(analysed(request)))
        return answer[-1]

    async def measure(self, request: Measure) -> Measured:
        """Digest some parts."""
        answer: list[Measured] = []

        def work() -> None:
            tables = [self._table(part) for part in request.parts]
            bags = (tuple(bag_of(table, columns) for columns in request.column_sets) for table in tables)
            answer.append(Measured(tuple(bags)))

        await self._work("measure", request.parts[0].content, work)
        return answer[-1]

    async def execute(self, request: Execute) -> Executed | Problem:
        """Run one query."""
        for part in (part for dataset in request.inputs for part in dataset.parts):
            self._table(part)
        answer: list[Executed] = []
        temporary = f"engine-{request.key}-{self._effects.count}"
        self._state.temporary.add(temporary)

        def work() -> None:
            tables = {dataset.name: self._dataset(dataset) for dataset in request.inputs}
            table = language.evaluate(language.parse(request.sql), tables)
            content = self._settle(table)
            self._seen.executed(request.task, table)
            bags = tuple(bag_of(table, columns) for columns in request.column_sets)
            answer.append(Executed(content, len(table[1]), 1, bags))

        try:
            await self._work("execute", request.task, work)
        finally:
            if not self._effects.dead:
                self._state.temporary.discard(temporary)
        return answer[-1]

    def prepare(self, request: PublishViews) -> None:
        """Nothing is done ahead here."""

    async def publish(self, request: PublishViews) -> Published:
        """Replace the file of views."""
        left: list[str] = []

        def work() -> None:
            left[:] = self._replace(request)

        await self._work("publish", str(request.revision), work)
        return Published(request.revision, tuple(left), f"of {request.revision}", f"at {request.revision}")

    def _replace(self, request: PublishViews) -> list[str]:
        before = self._state.views
        if before is None and request.stamp is not None:
            raise WorkerError("crash", "there is no file of views to change")
        names: dict[str, ViewDefinition] = {} if request.stamp is None or before is None else dict(before.names)
        for name in request.dropped:
            names.pop(name.lower(), None)
        left = []
        for view in request.changed:
            names[view.name.lower()] = view
            try:
                published_table(self._state, names, view.name)
            except (WrongError, KeyError) as error:
                if not view.shaky:
                    raise WorkerError("crash", f"{view.name} does not bind: {error!r}") from error
                del names[view.name.lower()]
                left.append(view.name)
        self._state.views = Views(request.revision, names)
        self._seen.published()
        return left

    async def _work(self, name: str, about: str, work: Callable[[], None]) -> None:
        """Take a drawn time, then do the work, as the faults want it."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        fault = self._effects.begin(name, about)
        self.running += 1
        self._effects.failing += fault == "error"
        try:
            await self._take(loop, fault)
            if self._effects.dead:
                self._effects.die()
            if fault == "error":
                raise WorkerError(loop.draw.choice(CAUSES), "its process ended")
            work()
            if fault == "twice":
                work()
            self._effects.end(fault)
        finally:
            self.running -= 1
            self._effects.failing -= fault == "error"

    async def _take(self, loop: SimLoop, fault: str) -> None:
        seconds = loop.draw.random() ** 3 * self._slow_s + (DELAY_S if fault == "delay" else 0.0)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            if loop.draw.random() < 0.3 and not self._effects.dead:
                await asyncio.sleep(STUBBORN_S * loop.draw.random())
            raise

    def _settle(self, table: Table) -> str:
        content = digest_of(repr(table))
        self._state.objects[content] = table
        self._state.written_at[content] = self._disk.now_ns() / 1e9
        return content

    def _table(self, part: Part) -> Table:
        found = self._state.objects.get(part.content)
        if found is None:
            raise InputMovedError(part.path)
        return found

    def _dataset(self, dataset: Dataset) -> Table:
        tables = [self._table(part) for part in dataset.parts]
        rows = tuple(row for table in tables for row in table[1])
        return tuple((c.name, c.type) for c in dataset.schema.columns), rows


def bag_of(table: Table, columns: tuple[Column, ...]) -> BagDigest:
    """The bag of some columns of a table."""
    names = [name for name, _ in table[0]]
    places = [names.index(c.name) for c in sorted(columns, key=lambda c: c.name)]
    total = 0
    for row in table[1]:
        text = repr([row[i] for i in places]).encode()
        total += int.from_bytes(hashlib.blake2b(text, digest_size=16).digest())
    return BagDigest(len(table[1]), f"{total % (1 << 128):032x}")


def published_table(state: State, names: Any, name: str) -> Table:
    """What a user reads under a name of the published file; raises WrongError or KeyError where it cannot be read."""
    view = names[name.lower()]
    if view.sql is not None:
        query = language.parse(view.sql)
        return language.evaluate(query, {d: published_table(state, names, d) for d in language.datasets(query)})
    tables = [state.objects[path.rpartition("/")[2].removesuffix(".parquet")] for path in view.parts]
    return tables[0][0], language.in_order(row for t in tables for row in t[1])


def analysed(request: Analyse) -> Analysed | Needs | Problem:
    """Compile one query, as the engine does."""

    def problem(code: Code, message: str) -> Problem:
        return Problem(code, request.task, request.path, request.line, 1, message, None)

    try:
        query = language.parse(request.text)
    except WrongError as error:
        return problem(Code.SYNTAX, str(error))
    schemas = {name: tuple((c.name, c.type) for c in schema.columns) for name, schema in request.schemas}
    views = {view.dataset: view for view in request.views}
    missing = sorted(language.datasets(query) - schemas.keys() - views.keys())
    if missing:
        return Needs(tuple(Named(name, 1, 1) for name in missing))
    known = schemas | {name: tuple((c.name, c.type) for c in view.schema.columns) for name, view in views.items()}
    whole: Query = language.inlined(query, {name: language.parse(view.sql) for name, view in views.items()})
    try:
        columns = language.columns(query, known)
        language.columns(whole, schemas)
    except WrongError as error:
        code = Code.UNKNOWN_COLUMN if error.missing else Code.SQL
        return problem(code, str(error))
    except KeyError as error:
        return problem(Code.SQL, f"there is no table {error}")
    inputs, used = language.required(whole), language.required(query)
    return Analysed(
        sql=language.render(whole),
        canonical=digest_of(language.render(whole)),
        aspects=(),
        schema=Schema(tuple(Column(*column) for column in columns)),
        inputs=tuple(_requirement(name, inputs[name], schemas[name]) for name in sorted(inputs)),
        views=tuple(_requirement(name, used[name], known[name]) for name in sorted(used.keys() & views.keys())),
        lineage=(),
        coarse=None,
        repeatability=NOTHING_FOUND,
    )


def _requirement(name: str, wanted: frozenset[str], columns: language.Columns) -> Requirement:
    return Requirement(name, tuple(Column(*column) for column in columns if column[0] in wanted))
