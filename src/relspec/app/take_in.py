"""Takes changed data files in: which source each belongs to, what it holds, whether the parts of a source fit.

The first file of a text source fixes how the others are read. A file that cannot be read makes its source unknown
until it is repaired; readers keep their last good outputs. A file that moves while it is read is looked at again.
"""

from collections.abc import Iterable, Mapping

from relspec.app.ports import Engines
from relspec.app.together import together
from relspec.app.trouble import code_of
from relspec.app.world import World
from relspec.core.dataset import Reader
from relspec.core.errors import InputMovedError, WorkerError
from relspec.core.problem import Code, Problem
from relspec.core.schema import Schema, difference
from relspec.core.settings import SourceSpec
from relspec.core.sources import SourceFiles, assign
from relspec.core.state import SourceFile, SourceState
from relspec.core.tree import CONFIG_NAME, FileEntry, is_code
from relspec.core.work import Intake, Intaken


async def take_in(world: World, engines: Engines, touched: frozenset[str]) -> None:
    """Bring all sources to what the tree says, after `touched` paths changed; those that moved go into `world.moved`.

    They go there one by one: a source that was taken in by a build that is cancelled is not new to the next one.
    """
    settings = CONFIG_NAME in touched or not world.assigned
    world.look_again -= {path for path in world.look_again if is_code(path) and path not in world.tree}
    if not settings and all(is_code(path) for path in touched | world.look_again):
        return
    data = [path for path, entry in world.tree.items() if entry.content is None]
    assigned, problems = assign(world.settings, data)
    anew = _specified_anew(world, assigned)
    gone = world.assigned.keys() - assigned.keys() if world.assigned else _vanished(world, assigned)
    world.assigned = assigned
    world.loose_problems["sources"] = problems
    for name in gone:
        world.put_source(name, None)
    world.moved |= gone
    await together(_bring(world, engines, found, anew) for found in assigned.values())
    # A file that went away, or belongs to no source any more, is nothing to look at again.
    belong = {path for found in assigned.values() for path in found.paths}
    world.look_again -= {path for path in world.look_again if path not in belong and not is_code(path)}


def _vanished(world: World, assigned: dict[str, SourceFiles]) -> set[str]:
    extracted = {name for name, s in world.sources.items() if s.extracted}
    return world.sources.keys() - assigned.keys() - extracted


def _specified_anew(world: World, assigned: Mapping[str, SourceFiles]) -> frozenset[str]:
    """The sources whose format or types are declared otherwise now: they are read as if for the first time."""
    declared = {name: source.declared for name, source in world.sources.items()}
    return frozenset(n for n, found in assigned.items() if not _reads_alike(declared.get(n), found.spec))


def _reads_alike(before: SourceSpec | None, after: SourceSpec) -> bool:
    return before is not None and (before.format, before.types) == (after.format, after.types)


async def _bring(world: World, engines: Engines, found: SourceFiles, anew: frozenset[str]) -> None:
    name = found.spec.name
    before = None if name in anew else world.sources.get(name)
    known = {} if before is None else {f.path: f for f in before.files}
    unmoved = all(_is_known(known.get(p), world.tree[p]) and p not in world.look_again for p in found.paths)
    if before is not None and unmoved and len(known) == len(found.paths):
        return
    reader = None if before is None else before.reader
    files: list[SourceFile] = []
    read: set[str] = set()
    for path in found.paths:
        file = known.get(path)
        if file is None or not _is_known(file, world.tree[path]) or path in world.look_again:
            fresh = await _read(world, engines, found, path, (reader, _known(file, reader)))
            read |= set() if fresh is None else {path}
            file = fresh or file
        if file is None:
            continue
        if file.taken is not None:
            reader = file.taken.reader or reader
        files.append(file)
    state = SourceState(name, found.spec, reader, None, tuple(files), _misfit(name, files))
    before = world.sources.get(name)
    changed = before is None or _content(before) != _content(state) or before.problems != state.problems
    world.put_source(name, state, moved=changed)
    world.look_again -= read
    if changed:
        world.moved.add(name)


def _content(source: SourceState) -> tuple[Schema, tuple[str, ...]] | None:
    dataset = source.dataset
    return None if dataset is None else (dataset.schema, tuple(part.content for part in dataset.parts))


def _is_known(file: SourceFile | None, entry: FileEntry) -> bool:
    return file is not None and file.stamp == entry.stamp


def _known(file: SourceFile | None, reader: Reader | None) -> Intaken | None:
    """What a file was when it was last read in the way in which it is to be read now."""
    taken = None if file is None else file.taken
    return taken if taken is not None and taken.reader in (None, reader) else None


async def _read(
    world: World, engines: Engines, found: SourceFiles, path: str, before: tuple[Reader | None, Intaken | None]
) -> SourceFile | None:
    """Take one file in; `None` when it moved meanwhile and has to be looked at again.

    `before` is how the files of the source are read, and what this one is known to have been.
    """
    reader, known = before
    stamp = world.tree[path].stamp
    format_ = found.format(path)
    if format_ is None:
        hint = f'say which in watch.toml: [sources.{found.spec.name}] format = "csv"'
        problem = Problem(Code.UNREADABLE, None, path, None, None, f"{path}: the format is not known by its name", hint)
        return SourceFile(path, stamp, None, problem)
    layout = world.layout
    request = Intake(
        source=found.spec.name,
        path=str(layout.root / path),
        shown=path,
        format=format_,
        reader=reader,
        types=found.spec.types,
        # Another version may read the same bytes in another way.
        known=None if world.retooled else known,
        objects=str(layout.objects),
        temporary=str(layout.temporary),
    )
    try:
        answer = await engines.intake(request)
    except InputMovedError:
        world.look_again.add(path)
        return None
    except WorkerError as error:
        answer = Problem(code_of(error), None, path, None, None, f"{path} cannot be read: {error}", None)
    if isinstance(answer, Problem):
        return SourceFile(path, stamp, None, answer)
    return SourceFile(path, stamp, answer, None)


def _misfit(name: str, files: Iterable[SourceFile]) -> Problem | None:
    taken = [(f.path, f.taken.schema) for f in files if f.taken is not None]
    if not taken:
        return None
    first_path, first = taken[0]
    for path, schema in taken[1:]:
        if _shape(schema) != _shape(first):
            faults = difference(_shape(first), _shape(schema))
            message = f"{path} does not fit the other parts of {name}: {faults} (as in {first_path})"
            return Problem(
                Code.SCHEMA_DRIFT, None, path, None, None, message, "give all parts the same columns and types"
            )
    return None


def _shape(schema: Schema) -> dict[str, str]:
    return {c.name.lower(): c.type for c in schema.columns}
