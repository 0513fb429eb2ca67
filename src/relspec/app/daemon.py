"""The daemon: watch, settle, look, build, and answer, until stopped.

One loop owns the world. Everything that happens reaches it as an event of a closed union, so there is one order of
things: hints are gathered until they settle, a look says what changed, a build that is under way is superseded by a
newer change. A sync request is answered when every hint before it was looked at, nothing is left to build, and no file
is left that was too young or moved too much to be taken in; for such a file it waits up to `HELD_S`.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable

import msgspec

from relspec.app.build import EVERYTHING, BuildReport, Wish
from relspec.app.gc import Collected
from relspec.app.ports import Watcher
from relspec.app.trouble import refused, try_files_again, worth_another_try
from relspec.app.workspace import AGAIN_S, HELD_S, Workspace
from relspec.core.errors import StateError
from relspec.core.problem import Code, Problem
from relspec.core.progress import ChangeDetected, ProblemsFound, Progress
from relspec.core.settle import ChangeSet, Gathered, Hint, gather, look_at_ms
from relspec.core.state import RunRecord

_NO_CHANGES = ChangeSet((), (), ())
_NOTHING = Hint(frozenset())

#: Runs that nobody asked about are kept for the next `build` up to this number.
_UNREPORTED_MAX = 10_000
#: After so long without an event the write-ahead log is folded in, and it is seen whether the state is still there.
_IDLE_S = 2.0
#: What the machine refused, for want of room or rights, is tried again after this time.
REFUSED_S = 5.0
#: When nothing happens, so much of the state is read at a time, to find what has rotted.
_AUDIT_BYTES = 32 << 20


class Hinted(msgspec.Struct, frozen=True):
    """Something may have changed."""

    hint: Hint


class SyncRequested(msgspec.Struct, frozen=True):
    """Somebody waits until all is taken in.

    `retry` asks for another try of what the machine made fail, `again` for tasks to be executed in any case. With
    `take` the runs of the answer count as told. `asked_at` is on the monotonic clock.
    """

    done: "asyncio.Future[tuple[RunRecord, ...]]"
    retry: bool
    take: bool
    again: frozenset[str]
    asked_at: float


class CollectRequested(msgspec.Struct, frozen=True):
    """Somebody wants dropped what is not needed any more, or with `dry` to hear what that is."""

    done: "asyncio.Future[Collected]"
    dry: bool


class BuildEnded(msgspec.Struct, frozen=True):
    """The build task ended, by itself or because it was superseded."""


class TryAgain(msgspec.Struct, frozen=True):
    """What the machine refused may be possible by now."""


class StopRequested(msgspec.Struct, frozen=True):
    """End the daemon."""


Event = Hinted | SyncRequested | CollectRequested | BuildEnded | TryAgain | StopRequested


class Daemon:
    """The loop. `records` are the runs since somebody last asked for a build."""

    def __init__(self, workspace: Workspace, watcher: Watcher, tell: Callable[[Progress], None]) -> None:
        self._workspace = workspace
        self._watcher = watcher
        self._tell = tell
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._gathered: Gathered | None = None
        self._changes = _NO_CHANGES
        self._build: asyncio.Task[BuildReport] | None = None
        self._building = EVERYTHING
        self._waiting: list[SyncRequested] = []
        self._collecting: list[CollectRequested] = []
        self._now = workspace.machine.clock.monotonic
        self._busy_at = self._now()
        self._audited_at = self._looked_at = self._busy_at
        self._holds_out = self._tries_again = self._reminded = False
        self._moving: dict[str, tuple[float, float]] = {}
        self._retry = False
        self._again_wanted: frozenset[str] = frozenset()
        self._records: list[RunRecord] = []
        self._first_done = self._told_before = False
        self._failed: BaseException | None = None

    async def run(self) -> None:
        """Go on until a stop is requested; raises what made a build impossible, such as a StateError."""
        pump = asyncio.create_task(self._pump())
        try:
            while True:
                event = await self._next()
                self._workspace.check()
                if isinstance(event, StopRequested):
                    return
                self._take(event)
                if self._failed is not None:
                    raise self._failed
                if pump.done():
                    pump.result()
                await self._advance()
        finally:
            await _ended(pump)
            await self._supersede()
            await self._workspace.tools.executions.end(lambda _: True)
            for request in self._waiting:
                request.done.cancel()
            for collecting in self._collecting:
                collecting.done.cancel()

    def stop(self) -> None:
        """Ask the loop to end."""
        self._events.put_nowait(StopRequested())

    async def sync(
        self, *, retry: bool, take: bool = False, again: frozenset[str] = frozenset()
    ) -> tuple[RunRecord, ...]:
        """Wait until every save before this call is taken in and built; the runs since the last one who asked.

        With `retry` or `take` the answer is taken: the next who asks gets what came after. Tasks of `again` execute in
        any case.
        """
        await self._watcher.barrier()
        done: asyncio.Future[tuple[RunRecord, ...]] = asyncio.get_running_loop().create_future()
        self._events.put_nowait(SyncRequested(done, retry, take or retry, again, self._now()))
        return await done

    async def collect(self, *, dry: bool) -> Collected:
        """Drop what is not needed any more, as soon as no build is under way."""
        done: asyncio.Future[Collected] = asyncio.get_running_loop().create_future()
        self._events.put_nowait(CollectRequested(done, dry))
        return await done

    def keep(self, records: tuple[RunRecord, ...]) -> None:
        """Keep runs, or what of them was not told, for the next who asks for a build."""
        self._records = [*records, *self._records][-_UNREPORTED_MAX:]

    async def _pump(self) -> None:
        async for hint in self._watcher.hints():
            self._events.put_nowait(Hinted(hint))

    async def _next(self) -> Event:
        """The next event; a hint without paths when what was hinted has settled, and now and then when idle."""
        due = self._due()
        try:
            async with asyncio.timeout(_IDLE_S if due is None else due):
                return await self._events.get()
        except TimeoutError:
            if due is None and self._build is None:
                self._workspace.store.checkpoint()
            return Hinted(_NOTHING)

    def _due(self) -> float | None:
        """Seconds until the hints have settled; `None` when there are none."""
        if self._gathered is None:
            return None
        world, now_ms = self._workspace.world, self._now() * 1000
        held = self._workspace.files.exists(".git/index.lock")
        due_ms = look_at_ms(self._gathered, world.settings.watch, self._looked_at * 1000, held, now_ms)
        return max(0.0, due_ms - now_ms) / 1000

    def _gather(self, hint: Hint) -> None:
        self._gathered = gather(self._gathered, hint, self._now() * 1000, self._workspace.files.wants)

    def _take(self, event: Event) -> None:
        # A hint alone is nothing yet: the audit of the files gives one now and then.
        if not isinstance(event, Hinted):
            self._busy_at = self._now()
        match event:
            case Hinted(hint):
                if hint.paths is None or hint.paths:
                    self._gather(hint)
            case SyncRequested():
                self._waiting.append(event)
                self._retry |= event.retry
                self._again_wanted |= event.again
            case CollectRequested():
                self._collecting.append(event)
            case BuildEnded():
                self._end_build()
            case TryAgain():
                self._tries_again, self._reminded = True, False
            case StopRequested():
                raise AssertionError("the loop ends on a stop request")

    async def _advance(self) -> None:
        """Do what is due: look, build, answer those who wait."""
        # A build may be done before its event is taken: it was not superseded by what came meanwhile.
        self._end_build()
        due = self._due()
        if due is not None and (due <= 0 or self._waiting):
            await self._look()
        idle = self._build is None and self._gathered is None
        first = idle and not self._first_done and not self._holds_out
        asked = self._build is None and (self._retry or self._again_wanted or self._tries_again)
        if self._changes or first or asked:
            await self._start()
        if self._build is None and self._gathered is None:
            self._answer()
            await self._collect()

    async def _look(self) -> None:
        gathered, self._gathered = self._gathered, None
        if gathered is None:
            return
        self._workspace.machine.trace.waited("settle", gathered.first_ms / 1000)
        found = await self._workspace.look(gathered.hints)
        self._looked_at = self._now()
        self._note_moving(gathered.hints)
        self._watch_held()
        self._watch_scope()
        if found:
            self._busy_at = self._now()
            self._tell(ChangeDetected(found.paths))
            self._changes = self._changes.merged(found)

    def _watch_held(self) -> None:
        """Look again soon at what is being written."""
        held = frozenset(str(self._workspace.world.layout.root / p) for p in self._workspace.held)
        if held:
            asyncio.get_running_loop().call_later(AGAIN_S, self._events.put_nowait, Hinted(Hint(held)))

    def _watch_scope(self) -> None:
        workspace = self._workspace
        if workspace.scope_moved:
            workspace.scope_moved = False
            self._watcher.refresh(workspace.world.settings.watch)

    async def _start(self) -> None:
        """Start a build of all that is known to have changed, in place of one that is under way."""
        building = EVERYTHING if self._build is None else self._building
        await self._supersede()
        world = self._workspace.world
        retry = building.retry | (worth_another_try(world) if self._retry else frozenset())
        if self._retry:
            try_files_again(world)
        again = building.again | self._again_wanted
        retry |= refused(world) if self._tries_again else frozenset()
        owed = self._holds_out
        changes, self._changes = self._changes, _NO_CHANGES
        self._retry, self._again_wanted = False, frozenset()
        self._tries_again = self._holds_out = False
        world.loose_problems.pop("state", None)
        if self._first_done and not (owed or changes or retry or again or world.look_again):
            return
        self._building = Wish(retry=retry, again=again)
        # A build that was superseded after its `ready` was told is the first one all the same.
        self._told_before = world.has_told
        world.unsettled |= retry & world.catalog.by_name.keys()
        self._build = asyncio.create_task(self._workspace.build(changes, self._building))
        self._build.add_done_callback(lambda _: self._events.put_nowait(BuildEnded()))

    async def _collect(self) -> None:
        """Drop what is not needed, for those who asked, or unasked after a while without any event."""
        requests, self._collecting = self._collecting, []
        for request in requests:
            try:
                found = await self._workspace.collect(dry=request.dry)
            except StateError as error:
                if not request.done.done():
                    request.done.set_exception(error)
                continue
            if not request.done.done():
                request.done.set_result(found)
        settings, idle_s = self._workspace.world.settings, self._now() - self._busy_at
        if idle_s > settings.gc.idle_s:
            await self._workspace.collect_unasked(runs=1)
        if min(idle_s, self._now() - self._audited_at) > settings.watch.audit_s:
            self._audited_at = self._now()
            if await self._workspace.audit(_AUDIT_BYTES):
                self._again(frozenset())

    async def _supersede(self) -> None:
        build, self._build = self._build, None
        if build is not None:
            await _ended(build)
        untold, self._workspace.world.untold = self._workspace.world.untold, None
        if untold is not None:
            self._records.append(untold)

    def _end_build(self) -> None:
        build = self._build
        if build is None or not build.done():
            return  # It was superseded; its successor is under way.
        self._build = None
        error = None if build.cancelled() else build.exception()
        if isinstance(error, StateError):
            self._hold_out(error)
            return
        if error is not None:
            self._failed = error
            return
        if build.cancelled():
            return
        self._watch_held()
        if self._workspace.scope_moved:
            # Nobody tells of what was written there between the look of the build and the new watch.
            self._gather(Hint(None))
        self._watch_scope()
        # What the first build did is in the daemon's own report, unless somebody waits for it already.
        if self._told_before or self._waiting:
            self._records = [*self._records, build.result().record][-_UNREPORTED_MAX:]
        self._first_done = True
        self._workspace.prepare()
        moved = {str(self._workspace.world.layout.root / p) for p in self._workspace.world.look_again}
        self._note_moving(frozenset(moved))
        if refused(self._workspace.world):
            self._try_later()
        if moved:
            asyncio.get_running_loop().call_later(AGAIN_S, self._again, frozenset(moved))

    def _hold_out(self, error: StateError) -> None:
        """The state could not be kept: say so, lose nothing, and try again after a while or with the next change."""
        hint = "free space, check the disk and permissions; it is tried again by itself"
        problem = Problem(Code.MACHINE, None, None, None, None, str(error), hint)
        self._workspace.world.loose_problems["state"] = (problem,)
        self._tell(ProblemsFound((problem,)))
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            if not request.done.done():
                request.done.set_exception(error)
        self._holds_out = True
        self._try_later()

    def _try_later(self) -> None:
        """Try again what the machine refused; one reminder is enough for all that it refused meanwhile."""
        if not self._reminded:
            self._reminded = True
            asyncio.get_running_loop().call_later(REFUSED_S, self._events.put_nowait, TryAgain())

    def _again(self, paths: frozenset[str]) -> None:
        self._changes = self._changes.merged(ChangeSet((), tuple(sorted(self._workspace.world.look_again)), ()))
        self._events.put_nowait(Hinted(Hint(paths)))

    def _note_moving(self, looked: frozenset[str] | None) -> None:
        """Note of what does not hold still since when, and when it was last looked at; `looked` are absolute paths."""
        world, now, known = self._workspace.world, self._now(), self._moving
        self._moving = {}
        for path in {*self._workspace.held, *world.look_again}:
            first, last = known.get(path, (now, now))
            fresh = looked is None or str(world.layout.root / path) in looked
            self._moving[path] = (first, now if fresh else last)

    def _answer(self) -> None:
        """Answer those for whom all is taken in, or who have waited long enough for what does not hold still.

        Long enough is what a file has moved for, not what a build took: a file that was too young before a long build
        is looked at once more after it.
        """
        moves = {*self._workspace.held, *self._workspace.world.look_again}
        spans = [self._moving.get(path, (0.0, 0.0)) for path in moves]
        if any(last - first < HELD_S for first, last in spans):
            return
        since = self._now() - HELD_S if moves else math.inf
        waiting, self._waiting = self._waiting, [r for r in self._waiting if r.asked_at > since]
        records = tuple(self._records)
        for request in (r for r in waiting if r.asked_at <= since):
            if not request.done.done():
                request.done.set_result(records)
            if request.take:
                self._records = []


async def _ended(task: "asyncio.Task[object]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(task, return_exceptions=True)
