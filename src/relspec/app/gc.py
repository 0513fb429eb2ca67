"""Drops what nothing current, pinned or recent needs, and no reader may still open.

    needs -> stock -> sweep -> forget, in one transaction -> unlink

To be called between builds only: nothing writes objects then, and what a build has not committed yet is in the world.
What nothing names any more is unlinked after the commit that says so; a crash in between leaves files that nothing
names, which the next time finds.
"""

import asyncio

import msgspec

from relspec.app.build import Tools
from relspec.app.digests import prints_of
from relspec.app.extract import version_of
from relspec.app.publish import published_revision
from relspec.app.world import World
from relspec.core.globs import matches
from relspec.core.suggest import closest
from relspec.core.sweep import Needs, Stock, StoredObject, Sweep, sweep

#: Without being asked, so many files at most are unlinked at a time: a save that comes meanwhile waits for it.
UNASKED_MAX = 1000


class Collected(msgspec.Struct, frozen=True):
    """What was dropped, or would be: the decision, what it rests on, and the objects that go now.

    `unknown` are the names in `gc.pinned` that no task makes and nothing remembered has, each with a likely one.
    """

    swept: Sweep
    stock: Stock
    files: dict[str, StoredObject]
    objects: tuple[str, ...]
    unknown: tuple[tuple[str, str | None], ...]


async def collect(world: World, tools: Tools, *, dry: bool, objects_max: int | None = None) -> Collected:
    """Drop what is not needed; with `dry` only say so. Of the objects `objects_max` go now, the others next time."""
    files = await asyncio.to_thread(tools.objects.stored)
    stock = tools.memory.stock()
    swept = sweep(stock, files, _needs(world, tools), world.settings.gc, tools.clock.time())
    going = swept.objects[:objects_max]
    if not dry:
        tools.memory.drop(swept, world.run)
        await asyncio.to_thread(tools.objects.discard, going)
    return Collected(swept, stock, files, going, _unknown(world, stock))


def _unknown(world: World, stock: Stock) -> tuple[tuple[str, str | None], ...]:
    made = {spec.output for spec in world.catalog.by_name.values()}
    known = {name.lower() for name in made | {claim.output for claim in stock.claims if claim.output is not None}}
    return tuple((name, closest(name, made)) for name in world.settings.gc.pinned if name.lower() not in known)


def _needs(world: World, tools: Tools) -> Needs:
    carried = world.carried
    datasets = [found for name in (*world.sources, *world.outputs) if (found := world.dataset(name)) is not None]
    contents = {part.content for dataset in datasets for part in dataset.parts}
    contents |= {f.taken.part.content for s in world.sources.values() for f in s.files if f.taken is not None}
    for source in world.sources.values():
        contents |= prints_of(source, world.graph)
    contents |= carried.objects | {row.output.content for row in carried.memo}
    contents |= {part.content for row in carried.extractions for _, _, part in row.extracted.tables}
    return Needs(
        contents=frozenset(contents),
        claims=frozenset({(output.basis.key,) for output in world.outputs.values()} | _extractions(world)),
        oldest_revision=_oldest_read(world, tools),
        ended_after=None if tools.readers.seen else tools.clock.time() - tools.readers.believed_s,
    )


def _extractions(world: World) -> set[tuple[str, ...]]:
    """The keys of what the extractors give of the files as they are."""
    return {
        (spec.digest, path, version_of(entry))
        for spec in world.extractors()
        for path, entry in world.tree.items()
        if matches(spec.files, path)
    }


def _oldest_read(world: World, tools: Tools) -> int | None:
    """The oldest revision that somebody has open or can open: also the one that is published, if that lags behind."""
    oldest = tools.readers.oldest()
    shown = published_revision(world, tools.memory)
    if shown == world.revision or not tools.objects.views_stamp():
        return oldest
    return shown if oldest is None else min(oldest, shown)
