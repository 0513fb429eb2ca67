"""What becomes of files that are no longer where they were: lost objects, and projects that were moved or copied."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from relspec.core.layout import Layout
from relspec.core.state import SourceFile, SourceState

if TYPE_CHECKING:
    from relspec.app.world import World


def note_moved(world: "World", path: str) -> None:
    """Note a file that moved, vanished or went bad while it was read: the next build looks at it again."""
    world.look_again.add(world.shown_path(path))
    if path.startswith(f"{world.layout.objects}/"):
        world.lost_objects.add(path)


def contents_of(world: "World") -> set[str]:
    """The objects that tables and sources are made of as they are now."""
    taken = (f.taken.part for s in world.sources.values() for f in s.files if f.taken is not None)
    return {o.content for o in world.outputs.values()} | {part.content for part in taken if part.stamp is None}


def note_damaged(world: "World", contents: Iterable[str]) -> None:
    """Have the next build drop these objects, and make again what rests on them."""
    for content in contents:
        note_moved(world, world.layout.object(content))


def note_unshown(world: "World") -> None:
    """Have the next build show everything anew: what readers open is not what was shown."""
    world.shown.revision = None
    world.look_again.add(world.shown_path(str(world.layout.views)))


def drop_lost(world: "World") -> frozenset[str]:
    """Forget what rests on lost objects, so that it is made again; their contents."""
    if not world.lost_objects:
        return frozenset()
    lost, world.lost_objects = world.lost_objects, set()
    world.look_again -= {world.shown_path(path) for path in lost}
    contents = frozenset(path.rpartition("/")[2].removesuffix(".parquet") for path in lost)
    world.unsettled |= {o.task for o in world.outputs.values() if o.content in contents} & world.catalog.by_name.keys()
    world.extractions.forget(frozenset(lost))
    for source in world.sources.values():
        if not source.extracted:
            parts = {f.path for f in source.files if f.taken is not None and f.taken.part.path in lost}
            world.look_again |= parts
    return contents


def rebased(source: SourceState, layout: Layout) -> SourceState:
    """A source whose parts lie where this project lies now."""
    return replace(source, files=tuple(_rebased(file, layout) for file in source.files))


def _rebased(file: SourceFile, layout: Layout) -> SourceFile:
    if file.taken is None:
        return file
    part = file.taken.part
    place = layout.object(part.content) if part.stamp is None else str(layout.root / file.path)
    return replace(file, taken=replace(file.taken, part=replace(part, path=place)))
