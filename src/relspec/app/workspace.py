"""An opened project: lock, store, world, engines, loader and files, put together and taken apart in one place.

The daemon keeps one open for its life; a command without a daemon opens one for itself.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from relspec.app.build import EVERYTHING, BuildReport, Compiled, Tools, Wish, build, compile_changes, workshop_of
from relspec.app.digests import Digests
from relspec.app.executions import Executions
from relspec.app.gc import UNASKED_MAX, Collected, collect
from relspec.app.load import needs_of
from relspec.app.lost import contents_of, note_damaged, note_unshown
from relspec.app.machine import RealMachine
from relspec.app.ports import Engines, Loader, Lock, Machine, ObjectStore, Scanner, Store
from relspec.app.publish import Stage, is_shown, is_shown_whole, prepare, rests
from relspec.app.registry import registry_of
from relspec.app.run import Run
from relspec.app.texts import Texts
from relspec.app.traced import TracedEngines, TracedLoader
from relspec.app.world import World
from relspec.core.digest import content_of
from relspec.core.errors import ConfigError
from relspec.core.layout import Layout
from relspec.core.problem import Code, Problem
from relspec.core.progress import Freed, Progress
from relspec.core.settle import ChangeSet, changes_between
from relspec.core.spec import Kind
from relspec.core.state import TaskState
from relspec.core.sweep import is_due
from relspec.core.trace import NoTrace
from relspec.core.tree import CONFIG_NAME, Scan

#: A file that is being written is looked at again after this time.
AGAIN_S = 0.02
#: Whoever waits for a look does not wait longer than this for writers to finish. On a file system with timestamps of
#: whole seconds a file is young for two of them.
HELD_S = 2.5
#: So few hints are looked at in less time than a thread takes to start.
_FEW_HINTS = 16

_NO_CHANGES = ChangeSet((), (), ())


class StateLostError(Exception):
    """`state/` was deleted or replaced under its owner, who begins anew: state costs only time."""


@dataclass
class Workspace:
    """One opened project.

    `configured` is the hash of the `watch.toml` that the settings are of. `undone` are the changes of builds that did
    not come to their end: the look that found them finds them no more.
    """

    world: World
    machine: Machine
    loader: Loader
    files: Scanner
    store: Store
    lock: Lock
    tools: Tools = field(init=False)
    held: frozenset[str] = frozenset()
    configured: str | None = None
    undone: ChangeSet = _NO_CHANGES
    scope_moved: bool = False
    swept_in_part: bool = False
    _scan_was_lost: bool = False
    _audited: str = ""
    _is_prepared: bool = False
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def check(self) -> None:
        """Raise StateLostError when `state/` is no longer the folder that this process owns. Cost: one stat."""
        if not self.lock.intact():
            raise StateLostError(f"{self.world.layout.state} was deleted or replaced")

    async def look(self, hints: frozenset[str] | None) -> ChangeSet:
        """Scan what `hints` name, everything with `None`, and say what changed since the last look."""
        async with self._looking:
            with self.machine.trace.span("look"):
                return await self._look(hints)

    async def _look(self, hints: frozenset[str] | None) -> ChangeSet:
        world = self.world
        scan = await self._scan(hints)
        changes = changes_between(world.tree, scan.tree, scan.touched)
        world.tree = scan.tree
        world.notes.files |= {*changes.added, *changes.changed, *changes.removed}
        world.loose_problems["scan"] = scan.problems
        # A look elsewhere says nothing of what is still being written here: whoever waits for that, waits on.
        elsewhere = () if hints is None else (p for p in self.held if str(world.layout.root / p) not in hints)
        self.held = scan.held.union(elsewhere)
        if world.content(CONFIG_NAME) == self.configured:
            return changes
        return await self._reconfigure(changes)

    async def _scan(self, hints: frozenset[str] | None) -> Scan:
        """Scan; where that may take long, on a thread, so that questions are answered meanwhile."""
        if hints is not None and len(hints) <= _FEW_HINTS and not self._scan_was_lost:
            return self.files.scan(hints, self.world.tree)
        hints, self._scan_was_lost = None if self._scan_was_lost else hints, True
        scanning = asyncio.get_running_loop().run_in_executor(None, self.files.scan, hints, self.world.tree)
        try:
            found = await asyncio.shield(scanning)
        except asyncio.CancelledError:
            # The files are for one thread at a time, and know now more than the tree: the next look is a whole one.
            await asyncio.wait((scanning,))
            raise
        self._scan_was_lost = False
        return found

    async def look_within(self) -> ChangeSet:
        """Look at everything while a build is under way, because the scope of the scan moved."""
        found = await self.look(None)
        self._owe(found)
        return found

    async def extend(self, globs: Iterable[str], files: Iterable[str], modules: Iterable[str] = ()) -> bool:
        """Widen the scope of the scan to what tasks turned out to need; whether it moved."""
        async with self._looking:
            moved = self.files.extend(globs, files, modules)
        self.scope_moved |= moved
        return moved

    def read_code(self, path: str) -> tuple[str, bytes] | Problem:
        """Read one code file: the hash of its bytes, and these bytes."""
        return self.files.read_code(path)

    async def look_all(self) -> ChangeSet:
        """Look at everything, and again at files that are still being written or too young to be trusted.

        A file that is held for longer than `HELD_S` is left as it was before.
        """
        changes = await self.look(None)
        deadline = self.machine.clock.monotonic() + HELD_S
        while self.held and self.machine.clock.monotonic() < deadline:
            await asyncio.sleep(AGAIN_S)
            held = frozenset(str(self.world.layout.root / path) for path in self.held)
            changes = changes.merged(await self.look(held))
        return changes

    def build(self, changes: ChangeSet, wish: Wish = EVERYTHING) -> Coroutine[Any, Any, BuildReport]:
        """Build `changes`, and those of builds that were cancelled; see `build.build`.

        They are owed from this call on: a build that is cancelled before its first step hands them on too.
        """
        self._owe(changes)
        return self._build(wish)

    def _owe(self, changes: ChangeSet) -> None:
        self.undone = self.undone.merged(changes)

    async def _build(self, wish: Wish) -> BuildReport:
        with self.machine.trace.span("build"):
            async with self.loader.session() as session:
                report = await build(self.world, self.tools, session, self.undone, wish)
        self.undone = _NO_CHANGES
        return report

    async def compile(self, changes: ChangeSet) -> Compiled:
        """Compile without executing; the world is changed in memory only."""
        async with self.loader.session() as session:
            return await compile_changes(self.world, self.tools, session, changes)

    def prepare(self) -> None:
        """Have ready what the next save will need."""
        is_first, self._is_prepared = not self._is_prepared, True
        if self.world.extractions.answers:
            self.loader.expect_extractors()
        # Those that come later it notes itself.
        if is_first and any(plan.udfs for plan in self.world.plans.values()):
            self.loader.expect_functions()
        self.loader.prepare()
        if is_first:
            # The first save would wait half a second for who publishes, and longer for its copy of the views.
            tools = self.tools
            prepare(self.world, Stage(tools.engines, tools.objects, tools.readers, tools.memory), ())

    def mark_stale(self, cone: frozenset[str]) -> None:
        """Show the tasks of a cone that nothing has brought to rest yet as stale."""
        self.world.pending |= cone

    async def decide(self, cone: frozenset[str]) -> Run:
        """Decide about every task of a cone without executing anything."""
        tools = self.tools
        async with self.loader.session() as session:
            shop = workshop_of(tools, session)
            world = self.world
            digests = Digests(tools.engines, tools.memory, world.graph, world.sums)
            run = Run(self.world, shop, digests, cone, dry=True)
            await run.go(cone)
        return run

    async def audit(self, bytes_max: int) -> bool:
        """Read what readers open and the next slice of the objects behind it; whether a build has to mend any."""
        memory, objects = self.tools.memory, self.tools.objects
        part = objects.slice(sorted(contents_of(self.world)), self._audited, bytes_max)
        damaged = await asyncio.to_thread(objects.damaged, part)
        self._audited = part[-1] if part else ""
        note_damaged(self.world, damaged)
        shown = memory.published() is None or await is_shown_whole(self.world, memory, objects)
        if not shown:
            note_unshown(self.world)
        return bool(damaged) or not shown

    async def collect(self, *, dry: bool) -> Collected:
        """Drop what is not needed any more, or only say what that is; see `gc.collect`. Between builds only."""
        found = await collect(self.world, self.tools, dry=dry)
        if not dry:
            self._tell(found)
        return found

    async def collect_unasked(self, runs: int) -> None:
        """Do the same if the settings want it and there were `runs` runs, or a day, since the last time."""
        world, done = self.world, self.tools.memory.collected()
        if world.settings.gc.auto and (self.swept_in_part or is_due(world.run, self.machine.clock.time(), done, runs)):
            found = await collect(world, self.tools, dry=False, objects_max=UNASKED_MAX)
            self.swept_in_part = len(found.objects) < len(found.swept.objects)
            self._tell(found)

    def _tell(self, found: Collected) -> None:
        if found.objects:
            n_bytes = sum(found.files[content].size for content in found.objects)
            self.tools.tell(Freed(len(found.objects), n_bytes))

    async def _reconfigure(self, changes: ChangeSet) -> ChangeSet:
        """Take new settings over; wrong ones are a problem, and the old ones stay.

        What is read here may be another text than the one that the look saw, and the next look see that one again.
        """
        world = self.world
        before = world.settings, world.loose_problems.pop("config", ())
        self.configured = ""  # What cannot be read now may be what it was at the next look.
        try:
            config = self.machine.config()
            self.configured = _hash_of(config)
            world.settings = self.machine.settings(config)
        except ConfigError as error:
            world.loose_problems["config"] = (_config_problem(error),)
        if (world.settings, world.loose_problems.get("config", ())) != before:
            changes = changes.merged(ChangeSet((), (CONFIG_NAME,), ()))
        if world.settings == before[0]:
            return changes
        world.registry = registry_of(world.settings, world.registry.installed)
        self.loader.reconfigure(world.settings)
        self.scope_moved |= self.files.configure(world.settings)
        try:
            scan = await self._scan(None)
        except asyncio.CancelledError:
            self._owe(changes)  # They are found no more.
            raise
        more = changes_between(world.tree, scan.tree)
        world.tree = scan.tree
        world.loose_problems["scan"] = scan.problems
        self.held = scan.held
        world.notes.files |= {*more.added, *more.changed, *more.removed}
        return changes.merged(more)


@asynccontextmanager
async def open_workspace(
    layout: Layout, tell: Callable[[Progress], None], machine: Machine | None = None
) -> AsyncIterator[Workspace]:
    """Take the lock, read the state, start the children; raises StateBusyError, StateError or ConfigError.

    `machine` is what it is opened with, `None` the real one.
    """
    machine = RealMachine(layout) if machine is None else machine
    config = machine.config()
    settings = machine.settings(config)
    async with AsyncExitStack() as stack:
        lock = stack.enter_context(machine.owned())
        store = machine.store()
        stack.callback(store.close)
        if store.aside is not None:
            tell(store.aside)
        store.forget_sessions()
        world = World(layout, settings, store.load(), machine.toolchain(settings.timezone))
        _register_installed(world, machine)
        objects, readers = machine.objects(), machine.readers()
        if store.published() is None:
            readers.forget_revisions()
        _find_unsettled(world, objects)
        views = (spec for spec in world.catalog.by_name.values() if spec.kind is Kind.VIEW)
        world.shown.leave_out(spec.output for spec in views if not rests(world, spec.name))
        if is_shown(world, store, objects):
            world.shown.revision = world.revision
        engines: Engines = await stack.enter_async_context(machine.engines(settings))
        loader: Loader = await stack.enter_async_context(machine.loader(settings))
        if not isinstance(machine.trace, NoTrace):
            engines, loader = TracedEngines(engines, machine.trace), TracedLoader(loader, machine.trace)
        files = machine.files(settings)
        workspace = Workspace(world, machine, loader, files, store, lock, configured=_hash_of(config))
        await workspace.extend(*needs_of(world))
        look, check, clock = workspace.look_within, workspace.check, machine.clock
        texts, executions = Texts(workspace), Executions()
        workspace.tools = Tools(
            engines, store, objects, readers, workspace, texts, executions, look, check, tell, clock, machine.trace
        )
        yield workspace


def _hash_of(config: bytes | None) -> str | None:
    """The hash that a tree has of such a `watch.toml`."""
    return None if config is None else content_of(config)


def _config_problem(error: ConfigError) -> Problem:
    found = re.match(r"watch\.toml:(\d+): (.*)", str(error), re.DOTALL)
    line, message = (int(found[1]), found[2]) if found is not None else (None, str(error))
    return Problem(Code.CONFIG, None, "watch.toml", line, None if line is None else 1, message, error.hint)


def _register_installed(world: World, machine: Machine) -> None:
    """Find the task files of installed packages, and forget those that are no longer there."""
    installed = machine.installed() if world.settings.entry_points else {}
    world.registry = registry_of(world.settings, installed)
    for path in [p for p in world.modules if p.startswith("/") and p not in installed]:
        world.put_module(path, None)


def _find_unsettled(world: World, objects: ObjectStore) -> None:
    """Find what the last life of the owner left undone, and objects that are gone."""
    for name, spec in world.catalog.by_name.items():
        status, output = world.statuses.get(name), world.outputs.get(spec.output.lower())
        at_rest = status is not None and status.state is TaskState.FRESH
        if not at_rest or (output is not None and not objects.has(output.content)):
            world.unsettled.add(name)
