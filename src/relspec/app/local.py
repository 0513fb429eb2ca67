"""Answers commands where no daemon lives: opens the workspace for one command, and closes it."""

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec.structs import asdict

from relspec.app import documents
from relspec.app.answers import Answers, scope_of
from relspec.app.build import Wish
from relspec.app.documents import Document
from relspec.app.gc import Collected
from relspec.app.trouble import try_files_again, worth_another_try
from relspec.app.workspace import Workspace, open_workspace
from relspec.core.document import opened
from relspec.core.errors import NoDaemonError, RelspecError
from relspec.core.layout import Layout
from relspec.core.progress import Progress, SetAside
from relspec.core.settle import ChangeSet
from relspec.core.state import RunRecord
from relspec.core.sweep import RUNS_BETWEEN
from relspec.edges.ask import ask
from relspec.edges.journal import Journal, Level

#: Inputs that move while they are read are looked at again so many times.
_LOOKS_MAX = 4


def answer(
    layout: Layout, command: str, arguments: dict[str, Any], warn: Callable[[SetAside], None]
) -> tuple[int, Document]:
    """Do in this process what a daemon would do; raises StateBusyError where another process owns the state.

    `warn` is called where a damaged state was set aside for it.
    """
    if command == "stop":
        raise NoDaemonError(f"no daemon runs in {layout.root}; start one with: relspec-watch daemon")
    exit_code, document = asyncio.run(_answer(layout, command, arguments, warn))
    return exit_code, opened(document)


def asked(layout: Layout, command: str, arguments: dict[str, Any], warn: Callable[[SetAside], None]) -> Document:
    """Let the daemon answer, or do it here where none lives; raises RelspecError where there is no answer."""
    reply = ask(layout, command, arguments, None)
    code, document = answer(layout, command, arguments, warn) if reply is None else reply
    if code > 1:
        raise RelspecError(str(document.get("error", document)))
    return document


async def _answer(
    layout: Layout, command: str, arguments: dict[str, Any], warn: Callable[[SetAside], None]
) -> tuple[int, Document]:
    def tell(event: Progress) -> None:
        """Nobody watches a single command; only what it cannot say in its answer is told."""
        if isinstance(event, SetAside):
            Journal(layout).write(Level.WARNING, "set-aside", **asdict(event))
            warn(event)

    async with open_workspace(layout, tell) as workspace:
        if command == "gc":
            # Nothing has to be looked at: what is current is in the state.
            once = _Once(workspace, ChangeSet((), (), ()), arguments, build=False)
            return await Answers(workspace, pid=None, owner=once).answer(command, arguments)
        changes = await workspace.look_all()
        if command == "plan":
            compiled = await workspace.compile(changes)
            run = await workspace.decide(compiled.cone)
            document = documents.plan_document(workspace.world, run, scope_of(workspace, arguments))
            return int(bool(document["problems"])), document
        once = _Once(workspace, changes, arguments, build=command in {"build", "doctor"})
        answers = Answers(workspace, pid=None, owner=once)
        answer = await answers.answer(command, arguments)
        if command == "build":
            await workspace.collect_unasked(RUNS_BETWEEN)
        return answer


class _Once:
    """Takes the changes in once: with a build, or by compiling alone."""

    def __init__(self, workspace: Workspace, changes: ChangeSet, arguments: dict[str, Any], *, build: bool) -> None:
        self._workspace = workspace
        self._changes = changes
        self._arguments = arguments
        self._builds = build

    async def sync(
        self,
        *,
        retry: bool,
        take: bool = False,  # noqa: ARG002 - nobody asks a second time.
        again: frozenset[str] = frozenset(),
    ) -> tuple[RunRecord, ...]:
        """Build, or compile, everything that changed since the last look; a second time there is `again` to execute."""
        workspace = self._workspace
        if not self._builds:
            compiled = await workspace.compile(self._changes)
            workspace.mark_stale(compiled.cone)
            return (RunRecord(0, workspace.world.revision, 0.0, 0.0, (), tuple(sorted(compiled.recompiled)), ()),)
        tasks = self._arguments.get("tasks") or ()
        world = workspace.world
        failed = worth_another_try(world) if retry else frozenset()
        if retry:
            try_files_again(world)
        changes, self._changes = self._changes, ChangeSet((), (), ())
        records = [(await workspace.build(changes, Wish(frozenset(tasks) or None, failed, again))).record]
        while world.look_again and len(records) < _LOOKS_MAX:
            changes = ChangeSet((), tuple(sorted(world.look_again)), ()).merged(await workspace.look_all())
            records.append((await workspace.build(changes, Wish(frozenset(tasks) or None))).record)
        return tuple(records)

    async def collect(self, *, dry: bool) -> Collected:
        """Drop what is not needed any more: no build is under way here."""
        return await self._workspace.collect(dry=dry)

    def keep(self, records: tuple[RunRecord, ...]) -> None:
        """Nobody asks a second time."""

    def stop(self) -> None:
        """End; a single command ends by itself."""
