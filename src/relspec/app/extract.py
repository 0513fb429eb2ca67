"""Runs extractors, one file at a time, each version of a file once: the answers are remembered in the store.

An extractor's tables are sources whose parts are objects. A file that fails gives a problem and loses only its own
rows; a deleted file loses its rows.
"""

from collections.abc import Iterator

from relspec.app.ports import LoaderSession, Memory, ObjectStore
from relspec.app.trouble import code_of, next_step
from relspec.app.world import World
from relspec.core.errors import InputMovedError, WorkerError
from relspec.core.globs import matches
from relspec.core.problem import Code, Problem
from relspec.core.state import ExtractionRow, SourceFile, SourceState
from relspec.core.tree import FileEntry
from relspec.core.work import Extract, Extracted, ExtractorSpec, Intaken


async def extract(world: World, session: LoaderSession, memory: Memory, objects: ObjectStore) -> frozenset[str]:
    """Bring all extractors' tables up to date; the datasets that moved. What is new is carried to the next commit."""
    problems: list[Problem] = []
    tables: dict[str, list[SourceFile]] = {}
    makers: dict[str, ExtractorSpec] = {}
    for spec in world.extractors():
        for path in sorted(p for p in world.tree if matches(spec.files, p)):
            try:
                answer = await _extract_one(world, session, (memory, objects), spec, path)
            except InputMovedError:
                # The next build looks at it again; until then its rows stay as they were.
                world.look_again.add(path)
                for name, file in _before(world, path):
                    tables.setdefault(name, []).append(file)
                continue
            if isinstance(answer, Problem):
                problems.append(answer)
                continue
            for name, schema, part in answer.tables:
                if makers.setdefault(name, spec) is not spec:
                    problems.append(_claimed_twice(name, spec, makers[name]))
                    continue
                taken = Intaken(answer.content, part, schema, None)
                tables.setdefault(name, []).append(SourceFile(path, world.tree[path].stamp, taken, None))
    world.loose_problems["extract"] = tuple(problems)
    return _put(world, tables)


async def _extract_one(
    world: World,
    session: LoaderSession,
    remembered: tuple[Memory, ObjectStore],
    spec: ExtractorSpec,
    path: str,
) -> Extracted | Problem:
    version = version_of(world.tree[path])
    key = (spec.digest, path, version)
    known = world.extractions.get(key)
    if known is not None:
        return known
    stored = remembered[0].extraction(*key)
    if stored is not None and all(remembered[1].has(part.content) for _, _, part in stored.tables):
        world.extractions[key] = stored
        return stored
    layout = world.layout
    request = Extract(spec, str(layout.root / path), path, str(layout.objects), str(layout.temporary))
    try:
        answer = await session.extract(request)
    except WorkerError as error:
        code = code_of(error)
        message = f"extractor {spec.name} on {path}: {error}"
        return Problem(code, None, path, None, None, message, next_step(code, "query"))
    world.extractions[key] = answer
    if isinstance(answer, Extracted):
        world.carried.extractions.append(ExtractionRow(spec.digest, path, version, answer))
    return answer


def _before(world: World, path: str) -> Iterator[tuple[str, SourceFile]]:
    for name, state in world.sources.items():
        yield from ((name, file) for file in state.files if state.extracted and file.path == path)


def version_of(entry: FileEntry) -> str:
    """Name one version of a file: by content where the scan knows it, else by its stamp."""
    stamp = entry.stamp
    return entry.content or f"{stamp.inode}-{stamp.size}-{stamp.mtime_ns}-{stamp.ctime_ns}"


def _claimed_twice(name: str, spec: ExtractorSpec, other: ExtractorSpec) -> Problem:
    message = f"extractors {spec.name!r} and {other.name!r} both give a table {name!r}"
    return Problem(Code.DUPLICATE_OUTPUT, None, spec.path, spec.line, 1, message, "rename one of the tables")


def _put(world: World, tables: dict[str, list[SourceFile]]) -> frozenset[str]:
    moved = set()
    for name, files in tables.items():
        before = world.sources.get(name)
        state = SourceState(name, None, None, tuple(files), _misfit(name, files))
        if before is None or before.dataset != state.dataset or before.problems != state.problems:
            moved.add(name)
        if before != state:
            world.put_source(name, state)
    for name in [n for n, s in world.sources.items() if s.extracted and n not in tables]:
        world.put_source(name, None)
        moved.add(name)
    return frozenset(moved)


def _misfit(name: str, files: list[SourceFile]) -> Problem | None:
    schemas = {f.taken.schema: f.path for f in files if f.taken is not None}
    if len(schemas) < 2:
        return None
    first, second, *_ = schemas.values()
    message = f"table {name} has other columns for {second} than for {first}"
    return Problem(Code.SCHEMA_DRIFT, None, second, None, None, message, "return the same columns for every file")
