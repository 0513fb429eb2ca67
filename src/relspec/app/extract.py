"""Runs extractors, one file at a time, each version of a file once: the answers are remembered in the store.

    touched paths -> look -> extract, beside each other -> show: tables by the parts of their files

An extractor's tables are sources whose parts are objects. A file that fails gives a problem and loses only its own
rows; a deleted file loses its rows. While the file of an extractor does not load, its tables are unknown. A save costs
the files that it touched: of the others nothing is looked at, unless the extractors are others than before.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from msgspec.structs import replace

from relspec.app.extractions import Answers, Given
from relspec.app.ports import LoaderSession, Memory, ObjectStore
from relspec.app.together import together
from relspec.app.trouble import code_of, is_retried, next_step
from relspec.app.turns import in_turns
from relspec.app.world import World
from relspec.core.dataset import Part, Stamp
from relspec.core.errors import InputMovedError, WorkerError
from relspec.core.globs import matches
from relspec.core.problem import Code, Problem
from relspec.core.schema import Schema
from relspec.core.state import ExtractionRow, SourceFile, SourceState
from relspec.core.suggest import closest
from relspec.core.tree import CONFIG_NAME, FileEntry
from relspec.core.work import Extract, Extracted, ExtractorSpec, Intaken, LoadFailed

#: A further process is worth its start for so many files.
FILES_A_PROCESS = 8
#: A table's part is known by its content; when its file was touched is nothing to it.
_NO_STAMP = Stamp(0, 0, 0, 0, 0)


@dataclass
class Extraction:
    """The extraction of one build."""

    world: World
    session: LoaderSession
    memory: Memory
    objects: ObjectStore
    #: What a look that comes meanwhile finds is for the next build.
    tree: Mapping[str, FileEntry] = field(init=False)
    #: Files that moved while they were read: their rows stay as they were until the next build looks again.
    restless: set[str] = field(default_factory=set)

    async def run(self, touched: Iterable[str]) -> frozenset[str]:
        """Bring all tables up to date after these paths changed; the datasets that moved."""
        self.tree, state = self.world.tree, self.world.extractions
        state.adopt(self.world.extractors(), _unloaded(self.world))
        state.pending.update(touched)
        todo = [work async for work in in_turns(self._todo()) if not self._recall(*work)]
        async with _beside(self.session, self._n_processes(len(todo))) as sessions:
            rest = iter(todo)
            await together(self._work(session, rest) for session in sessions)
        state.pending, state.whole = self.restless, False
        self.world.loose_problems["extract"] = (*_unused(self.world), *(p for _, p in state.problems()))
        return _show(self.world)

    def _n_processes(self, n_files: int) -> int:
        return max(1, min(self.world.settings.limits.workers, n_files // FILES_A_PROCESS))

    def _todo(self) -> Iterator[tuple[ExtractorSpec, str]]:
        """The files to look at, each with its extractor; those that are gone are taken away."""
        state, tree = self.world.extractions, self.tree
        for spec, answers in state.answers.items():
            if spec in state.broken:
                continue
            paths = tree.keys() | answers.keys() if state.whole else state.pending
            for path in sorted(path for path in paths if path in answers or matches(spec.files, path)):
                if path in tree and matches(spec.files, path):
                    yield spec, path
                else:
                    state.put(spec, path, None)

    def _recall(self, spec: ExtractorSpec, path: str) -> bool:
        """Whether what an extractor gives of a file is known, to the world or to the store with objects that are there.

        What the machine made fail is tried again.
        """
        state, version = self.world.extractions, version_of(self.tree[path])
        given = state.answers[spec].get(path)
        if given is not None and given.version == version and not _failed_by_machine(given):
            return True
        stored = self.memory.extraction(spec.digest, path, version)
        if stored is None or not all(self.objects.has(part.content) for _, _, part in stored.tables):
            return False
        state.put(spec, path, Given(version, stored))
        return True

    async def _work(self, session: LoaderSession, rest: Iterator[tuple[ExtractorSpec, str]]) -> None:
        for spec, path in rest:
            await self._extract(session, spec, path)

    async def _extract(self, session: LoaderSession, spec: ExtractorSpec, path: str) -> None:
        world, layout, entry = self.world, self.world.layout, self.tree[path]
        before = world.extractions.answers[spec].get(path)
        known = before.answer if before is not None and isinstance(before.answer, Extracted) else None
        request = Extract(spec, str(layout.root / path), path, known, str(layout.objects), str(layout.temporary))
        answer: Extracted | Problem
        try:
            answer = await session.extract(request)
        except InputMovedError:
            self.restless.add(path)
            world.look_again.add(path)
            return
        except WorkerError as error:
            code = code_of(error)
            message = f"extractor {spec.name} on {path}: {error}"
            answer = Problem(code, None, path, None, None, message, next_step(code, "query"))
        if isinstance(answer, Extracted):
            world.carried.extractions.append(ExtractionRow(spec.digest, path, version_of(entry), answer))
        world.extractions.put(spec, path, Given(version_of(entry), answer))


@asynccontextmanager
async def _beside(session: LoaderSession, n: int) -> AsyncIterator[list[LoaderSession]]:
    """So many sessions: this one, and others that end here."""
    sessions = [session, *(session.beside() for _ in range(n - 1))]
    try:
        yield sessions
    finally:
        for other in sessions[1:]:
            await other.end()


def _failed_by_machine(given: Given) -> bool:
    return isinstance(given.answer, Problem) and is_retried(given.answer)


def version_of(entry: FileEntry) -> str:
    """Name one version of a file: by content where the scan knows it, else by its stamp."""
    stamp = entry.stamp
    return entry.content or f"{stamp.inode}-{stamp.size}-{stamp.mtime_ns}-{stamp.ctime_ns}"


def _unused(world: World) -> Iterator[Problem]:
    """Files that the settings give to an extractor that nobody declares; one whose file does not load is no news."""
    names = {spec.name for spec in world.extractions.answers}
    if world.troubled_modules:
        return
    for files in world.settings.extractors:
        if files.extractor not in names:
            near = closest(files.extractor, names)
            hint = f"did you mean {near!r}?" if near else "remove it, or declare the extractor"
            message = f"extractors.{files.extractor}: there is no extractor of that name"
            yield Problem(Code.CONFIG, None, CONFIG_NAME, files.line, 1, message, hint)


def _show(world: World) -> frozenset[str]:
    """Let the tables have the parts that the extractors gave; those that moved."""
    state = world.extractions
    makers, clashes = _makers(state.answers)
    world.loose_problems["extract"] += clashes
    moved = set()
    for name, spec in makers.items():
        before = world.sources.get(name)
        whole = before is None or state.makers.get(name) != spec
        files = _files(name, state.answers[spec], () if whole or before is None else before.files, state.moved)
        after = _table(name, spec, files, state.broken.get(spec))
        if after == before:
            continue
        if before is None or before.dataset != after.dataset or before.problems != after.problems:
            moved.add(name)
        world.put_source(name, after)
    # Which extractor made a table in an earlier life is not known while its file does not load.
    cause = next(iter(_unloaded(world).values()), None)
    for name, orphan in [(n, s) for n, s in world.sources.items() if s.extracted and n not in makers]:
        kept = None if cause is None else replace(orphan, problem=orphan.problem or cause)
        if kept != orphan:
            world.put_source(name, kept)
            moved.add(name)
    state.makers = makers
    state.moved.clear()
    return frozenset(moved)


def _unloaded(world: World) -> dict[str, Problem]:
    """Why task files do not load, by path."""
    modules = ((path, world.modules[path]) for path in sorted(world.troubled_modules))
    return {path: module.problem for path, module in modules if isinstance(module, LoadFailed)}


def _makers(found: dict[ExtractorSpec, Answers]) -> tuple[dict[str, ExtractorSpec], tuple[Problem, ...]]:
    """Which extractor makes each table; the first by name, where two would, which is a problem of the other."""
    makers: dict[str, ExtractorSpec] = {}
    clashes = []
    for spec, answers in found.items():
        for name in sorted(_names(spec, answers)):
            other = makers.setdefault(name, spec)
            if other is not spec:
                message = f"extractors {other.name!r} and {spec.name!r} both give a table {name!r}"
                hint = "rename one of the tables"
                clashes.append(Problem(Code.DUPLICATE_OUTPUT, None, spec.path, spec.line, 1, message, hint))
    return makers, tuple(clashes)


def _names(spec: ExtractorSpec, answers: Answers) -> set[str]:
    if spec.tables is not None:
        return {table.name for table in spec.tables}
    return {n for given in answers.values() if isinstance(given.answer, Extracted) for n, _, _ in given.answer.tables}


def _files(name: str, answers: Answers, before: tuple[SourceFile, ...], moved: set[str]) -> tuple[SourceFile, ...]:
    """The parts of a table, by path; only those of `moved` are looked up where it has some already."""
    kept = [file for file in before if file.path not in moved]
    paths = moved if before else answers.keys()
    fresh = [SourceFile(p, _NO_STAMP, taken, None) for p in paths if (taken := _taken(answers.get(p), name))]
    return tuple(sorted([*kept, *fresh], key=lambda file: file.path))


def _taken(given: Given | None, name: str) -> Intaken | None:
    if given is None or isinstance(given.answer, Problem):
        return None
    found: tuple[Schema, Part] | None = next(((s, p) for n, s, p in given.answer.tables if n == name), None)
    return None if found is None else Intaken(found[1].content, found[1], found[0], None)


def _table(name: str, spec: ExtractorSpec, files: tuple[SourceFile, ...], broken: Problem | None) -> SourceState:
    declared = next((table.schema for table in spec.tables or () if table.name == name), None)
    misfit = None if declared else _misfit(name, files)
    return SourceState(name, None, None, declared, files, broken or misfit)


def _misfit(name: str, files: tuple[SourceFile, ...]) -> Problem | None:
    schemas = {f.taken.schema: f.path for f in files if f.taken is not None}
    if len(schemas) < 2:
        return None
    first, second, *_ = schemas.values()
    message = f"table {name} has other columns for {second} than for {first}"
    return Problem(Code.SCHEMA_DRIFT, None, second, None, None, message, "return the same columns for every file")
