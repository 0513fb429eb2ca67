"""The check-up: is the machine fit, is the state what it says it is; what is damaged is dropped and made again.

An object is damaged when its bytes do not hash to its name. Whatever rests on it is made again by the next build, so
poison heals; the database is checked by SQLite itself, and set aside whole where it cannot be read.
"""

import asyncio

import msgspec

from relspec.app.lost import contents_of, note_damaged, note_unshown
from relspec.app.ports import ObjectStore
from relspec.app.publish import is_shown_whole
from relspec.app.workspace import Workspace
from relspec.core.health import Check, Verdict, checks_of
from relspec.core.progress import SetAside

#: So many damaged objects, and faults of the database, are named one by one.
_NAMED_MAX = 5


class Examined(msgspec.Struct, frozen=True):
    """What a check-up found; `to_mend` says that a build has something to make again."""

    checks: tuple[Check, ...]
    damaged: tuple[str, ...]
    to_mend: bool


async def examine(workspace: Workspace) -> Examined:
    """Look at everything, and note what is damaged for the next build. Cost: reads every object that is needed."""
    world, tools = workspace.world, workspace.tools
    folders = await asyncio.to_thread(workspace.files.directories)
    machine = checks_of(workspace.machine.vitals(), len(folders))
    current = contents_of(world)
    needed = current | {c for claim in tools.memory.stock().claims for c in claim.contents}
    damaged = await asyncio.to_thread(_damaged, tools.objects, needed)
    lost = current - tools.objects.stored().keys()
    note_damaged(world, {*damaged, *lost})
    shown = tools.memory.published() is None or await is_shown_whole(world, tools.memory, tools.objects)
    if not shown:
        note_unshown(world)
    aside, workspace.store.aside = workspace.store.aside, None
    checks = (
        Check("versions", Verdict.OK, world.toolchain.whole),
        *machine,
        _database(workspace.store.faults(), aside),
        _objects(len(needed), damaged, lost),
        _tables(shown=shown),
    )
    return Examined(checks, (*damaged, *sorted(lost)), bool(damaged or lost or aside or not shown))


def _damaged(objects: ObjectStore, contents: set[str]) -> tuple[str, ...]:
    return objects.damaged(sorted(contents))


def _database(faults: tuple[str, ...], aside: SetAside | None) -> Check:
    if faults:
        message = f"the database is damaged: {'; '.join(faults[:_NAMED_MAX])}"
        hint = "stop the daemon and delete state/relspec.sqlite: it costs only time"
        return Check("database", Verdict.WRONG, message, hint)
    if aside is not None:
        message = f"the database was damaged ({aside.because}), and lies in {aside.path} now"
        return Check("database", Verdict.MENDED, message, "everything is built anew; delete that file when you like")
    return Check("database", Verdict.OK, "whole, and every reference in it leads somewhere")


def _objects(n_needed: int, damaged: tuple[str, ...], lost: set[str]) -> Check:
    if damaged or lost:
        named = ", ".join([*damaged, *sorted(lost)][:_NAMED_MAX])
        message = f"{len(damaged)} of {n_needed} objects were damaged and {len(lost)} gone ({named})"
        return Check("objects", Verdict.MENDED, message, "what rests on them is made again")
    return Check("objects", Verdict.OK, f"{n_needed} objects, each with the bytes that its name says")


def _tables(*, shown: bool) -> Check:
    if shown:
        return Check("tables", Verdict.OK, "every table lies where readers open it")
    return Check("tables", Verdict.MENDED, "tables or the file of views were missing or others", "they are shown anew")
