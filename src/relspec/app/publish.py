"""Shows a committed revision: `tables/<output>.parquet` for materializations, and the DuckDB file of views.

Both are switched atomically, and both can be made again from the store at any time; so a crash between commit and
publication costs a repetition at the next start.
"""

import asyncio
from collections.abc import Iterable, Mapping

import msgspec

from relspec.app.lost import contents_of, note_damaged
from relspec.app.ports import Engines, Memory, ObjectStore, ViewReaders
from relspec.app.shown import ShownFiles
from relspec.app.turns import in_turns
from relspec.app.world import World
from relspec.core.errors import StateError, WorkerError
from relspec.core.schedule import schedule
from relspec.core.spec import Kind
from relspec.core.state import Publication, TaskState
from relspec.core.work import PublishViews, ViewDefinition


class Stage(msgspec.Struct, frozen=True):
    """By whom a revision is shown, from what, to whom, and where it is written down."""

    engines: Engines
    objects: ObjectStore
    readers: ViewReaders
    memory: Memory


async def publish(world: World, stage: Stage, names: Iterable[str] | None) -> Publication | None:
    """Show what changed: the datasets `names` in any case, or everything with `None`. Raises StateError.

    Before that the file of views is kept for those who have it open. Where objects have rotten so that nothing can be
    shown, that is noted for the next build, and there is nothing to give.
    """
    objects, before = stage.objects, _as_shown(stage)
    if before is None:
        # Somebody has changed what was shown, or nobody knows what it is: no change goes on from there.
        names = None
    whole = names is None
    wanted = _wanted(world, names)
    await _tables(world, objects, wanted, whole=whole)
    logged = not stage.readers.may_write()
    request = _request(world, wanted, None if whole else before, logged=logged)
    stage.readers.hold(published_revision(world, stage.memory))
    try:
        published = await stage.engines.publish(request)
    except WorkerError as error:
        if not whole:
            # Whatever went wrong with the change, the whole can be made from nothing.
            return await publish(world, stage, None)
        damaged = await asyncio.to_thread(objects.damaged, sorted(contents_of(world)))
        if not damaged:
            raise StateError(f"cannot publish revision {world.revision} in {world.layout.views}: {error}") from error
        note_damaged(world, damaged)
        return None
    world.shown.leave_out(published.left_out)
    kept = {n: f for n, f in world.shown.files.items() if not whole and n not in wanted}
    world.shown.files = kept | _files_of_sources(world, wanted)
    return Publication(world.revision, str(world.layout.root), published.stamp, published.content)


def prepare(world: World, stage: Stage, names: Iterable[str] | None) -> None:
    """Have begun what `publish` will do about the file of views once these changes are committed.

    That is everything with `None`. With no names, whoever publishes gets ready for the first change.
    """
    before = None if names is None else _as_shown(stage)
    if names is None or before is not None:
        # Whether somebody may write is seen when it is told: one may come until then.
        stage.engines.prepare(_request(world, _wanted(world, names), before, logged=stage.readers.seen))


def _as_shown(stage: Stage) -> Publication | None:
    """What readers see, if the file of views is still the one that was written last."""
    shown = stage.memory.published()
    return shown if shown is not None and stage.objects.views_stamp() == shown.stamp else None


def _wanted(world: World, names: Iterable[str] | None) -> dict[str, set[str]]:
    """The names, as they are and were spelled, by their keys; those of everything with `None`."""
    wanted: dict[str, set[str]] = {}
    for name in all_names(world) if names is None else names:
        wanted.setdefault(name.lower(), set()).add(name)
    return wanted


def _request(world: World, wanted: Mapping[str, set[str]], before: Publication | None, *, logged: bool) -> PublishViews:
    files = {} if before is None else _files_of_sources(world, wanted)
    same = [name for name, found in files.items() if world.shown.files.get(name) == found]
    changed, dropped = _definitions(world, wanted.keys() - same)
    return PublishViews(
        path=str(world.layout.views),
        temporary=str(world.layout.temporary),
        revision=world.revision,
        changed=changed,
        dropped=dropped,
        stamp=None if before is None else before.stamp,
        logged=logged,
    )


def rests(world: World, task: str) -> bool:
    """Whether a task was last brought to rest, so that what it reads is what it was compiled for."""
    status = world.statuses.get(task)
    return status is not None and status.state is TaskState.FRESH


def published_revision(world: World, memory: Memory) -> int:
    """The revision that the file of views shows at least; 0 where that is not known."""
    shown = memory.published()
    return shown.revision if shown is not None and shown.place == str(world.layout.root) else 0


def is_shown(world: World, memory: Memory, objects: ObjectStore) -> bool:
    """Whether everything lies where users open it: what a start has to repair otherwise. Cost: two stats a table."""
    shown = memory.published()
    if shown is None or (shown.revision, shown.place) != (world.revision, str(world.layout.root)):
        return False
    published = [o for n, o in world.outputs.items() if _is_published(world, n)]
    return objects.views_stamp() == shown.stamp and all(objects.shows(o.output, o.content) for o in published)


async def is_shown_whole(world: World, memory: Memory, objects: ObjectStore) -> bool:
    """The same, and whether the file of views is, byte for byte, what was written. Cost: reads it, in a thread."""
    content = await asyncio.to_thread(objects.views_content)
    shown = memory.published()
    return shown is not None and shown.content == content and is_shown(world, memory, objects)


def _is_published(world: World, name: str) -> bool:
    spec = world.producer(name)
    return spec is not None and spec.kind is Kind.MATERIALIZATION


def all_names(world: World) -> tuple[str, ...]:
    """The names of everything that a reader can open, in lower case, sorted."""
    views = (s.output for s in world.catalog.by_output.values() if s.kind is Kind.VIEW)
    return tuple(sorted({*(n.lower() for n in world.sources), *world.outputs, *(v.lower() for v in views)}))


async def _tables(world: World, objects: ObjectStore, wanted: Mapping[str, set[str]], *, whole: bool) -> None:
    shown: set[str] = set()
    async for name in in_turns(sorted(wanted)):
        spec = world.producer(name)
        output = world.outputs.get(name) if _is_published(world, name) else None
        if not whole:
            called = wanted[name] if spec is None else {*wanted[name], spec.output}
            # First: there are file systems to which two spellings are one.
            for spelled in called - ({output.output} if output is not None else set()):
                objects.hide(spelled)
        if output is not None:
            objects.show(output.output, output.content)
            shown.add(output.output)
    if whole:
        for name in objects.shown() - shown:
            objects.hide(name)


def _files_of_sources(world: World, wanted: Iterable[str]) -> dict[str, ShownFiles]:
    """Of the sources among `wanted` what their views say: a thousand paths take 10 ms to be said."""
    found = ((name, world.dataset(name)) for name in wanted if world.source(name) is not None)
    return {name: (tuple(p.path for p in d.parts), d.schema.columns) for name, d in found if d is not None}


def _definitions(world: World, wanted: Iterable[str]) -> tuple[tuple[ViewDefinition, ...], tuple[str, ...]]:
    """Definitions in an order in which each comes after what it reads, and the names that are gone."""
    stored: list[ViewDefinition] = []
    views: dict[str, ViewDefinition] = {}
    dropped: list[str] = []
    for name in sorted(wanted):
        plan, dataset = world.view_plan(name), world.dataset(name)
        if plan is not None:
            views[plan.task] = ViewDefinition(plan.output, plan.sql, (), (), shaky=not rests(world, plan.task))
        elif dataset is not None:
            columns = () if dataset.parts else dataset.schema.columns
            parts = tuple(part.path for part in dataset.parts)
            stored.append(ViewDefinition(dataset.name, None, parts, columns, shaky=False))
        elif world.source(name) is None:
            # Nobody makes it, or who does has never yet: what was shown under that name was another's.
            dropped.append(name)
    order = schedule(world.graph, frozenset(views), {}, {})
    return (*stored, *(views[task] for task in order)), tuple(dropped)
