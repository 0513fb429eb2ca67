"""One build, one step a line: take in, load, compile, settle the cone, commit, publish.

    ChangeSet -> take_in -> load -> extract -> compile -> cone -> run -> sync -> commit -> publish -> BuildReport

Nothing is visible before the commit, and nothing is told to anybody after `AllReady`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection

import msgspec
from msgspec.structs import replace

from relspec.app.compile import Compilation
from relspec.app.compile_task import TaskCompiler
from relspec.app.delta import delta_of
from relspec.app.digests import Digests
from relspec.app.executions import Executions
from relspec.app.extract import Extraction
from relspec.app.load import load, needs_of
from relspec.app.lost import drop_lost
from relspec.app.ports import Clock, CodeFiles, Engines, LoaderSession, Memory, ObjectStore, ViewReaders
from relspec.app.publish import Stage, prepare, publish, rests
from relspec.app.run import Run, Workshop, status_of
from relspec.app.take_in import take_in
from relspec.app.texts import Texts
from relspec.app.trouble import problems_of
from relspec.app.warnings import warnings_of
from relspec.app.world import World
from relspec.core.problem import Code, Problem
from relspec.core.progress import Action, AllReady, ProblemsFound, Progress, WarningsFound
from relspec.core.settle import ChangeSet
from relspec.core.spec import Language
from relspec.core.state import RunRecord, RunTask, TaskState
from relspec.core.trace import Trace
from relspec.core.tree import CONFIG_NAME
from relspec.core.warning import TaskWarning


class BuildReport(msgspec.Struct, frozen=True):
    """What one build did: the run's record, and the problems that hold after it."""

    record: RunRecord
    problems: tuple[Problem, ...]


class Tools(msgspec.Struct, frozen=True):
    """What a build works with; a loader session is opened for each build.

    `check` raises when the state is no longer ours: what lies in its place belongs to another process.
    """

    engines: Engines
    memory: Memory
    objects: ObjectStore
    readers: ViewReaders
    code: CodeFiles
    texts: Texts
    executions: Executions
    look: Callable[[], Awaitable[ChangeSet]]
    check: Callable[[], None]
    tell: Callable[[Progress], None]
    clock: Clock
    trace: Trace


class Compiled(msgspec.Struct, frozen=True):
    """What a build knows before anything executes: the cone to settle, and what went through the compiler.

    `dirty` are the tasks that have a reason of their own to be looked at; the others follow what is above them.
    """

    cone: frozenset[str]
    dirty: frozenset[str]
    recompiled: frozenset[str]
    compilation: Compilation


async def compile_changes(
    world: World, tools: Tools, session: LoaderSession, changes: ChangeSet, retry: frozenset[str] = frozenset()
) -> Compiled:
    """Bring sources, declarations and plans up to date; executes no query. Tasks of `retry` are tried in any case."""
    tools.objects.discard(drop_lost(world))
    span = tools.trace.span
    with span("load"):
        loaded = await load(world, changes, session, tools.texts)
    while any(map(_widens, {*loaded, *changes.paths})) and await tools.code.extend(*needs_of(world)):
        # What was loaded or set needs files that were not watched before: extractors' files, helpers in other folders.
        found = await tools.look()
        changes = changes.merged(found)
        loaded |= await load(world, found, session, tools.texts)
    with span("take in"):
        await take_in(world, tools.engines, frozenset(changes.paths))
    with span("extract"):
        world.moved |= await Extraction(world, session, tools.memory, tools.objects).run(changes.paths)
    came, gone = world.declare()
    world.removed |= {world.plans[t].output for t in gone if t in world.plans}
    for task in sorted(gone):
        tools.executions.kill(task)
        world.remove_task(task)
    world.removed |= _drop_renamed(world, came)
    touched = {*changes.added, *changes.changed, *changes.removed}
    candidates = world.unsettled | came | retry
    candidates |= world.tasks_of(loaded)
    candidates |= {t for path in touched for t in world.used_by(path)}
    world.unsettled |= came | {t for t in world.tasks_of(loaded) if world.declared_problem(t) is not None}
    # Also what a build compiled that was cancelled before it came to the readers.
    moved = {*world.moved, *world.removed, *_outputs(world, world.unsettled & world.catalog.by_name.keys())}
    candidates |= {t for name in moved for t in world.asked_by(name)}
    compiler = TaskCompiler(world, tools.engines, session, tools.code)
    kill = tools.executions.kill
    compilation = Compilation(world, compiler, frozenset(touched), kill, _hopeful(world, touched, retry))
    with span("compile"):
        await compilation.run(frozenset(candidates & world.catalog.by_name.keys()))
    world.removed.clear()
    world.unsettled &= world.catalog.by_name.keys()
    quiet = compilation.recompiled - compilation.moved
    seeds = world.unsettled - {t for t in quiet if _rests(world, t)}
    cone = world.graph.cone(seeds, world.moved) | world.unsettled
    dirty = world.unsettled | {reader for name in world.moved for reader in world.graph.readers(name)}
    # What a superseded build had compiled is noted too, and told with this one.
    recompiled = frozenset(world.notes.recompiled & world.catalog.by_name.keys())
    return Compiled(frozenset(cone), frozenset(dirty), recompiled, compilation)


def _widens(path: str) -> bool:
    """Whether what is read from a file may need other files."""
    return path.endswith(".py") or path == CONFIG_NAME


def _drop_renamed(world: World, came: frozenset[str]) -> set[str]:
    """Forget the tables of tasks that are declared with another output now; the names of the outputs before."""
    before = {t: world.plans[t].output for t in came if t in world.plans}
    renamed = {name for t, name in before.items() if name.lower() != world.catalog.by_name[t].output.lower()}
    for name in renamed:
        if name.lower() in world.outputs and world.producer(name) is None:
            world.put_output(name, None)
    return renamed


def _outputs(world: World, tasks: set[str]) -> set[str]:
    return {world.catalog.by_name[t].output for t in tasks}


def _hopeful(world: World, touched: set[str], retry: frozenset[str]) -> frozenset[str]:
    """Python tasks with a problem: any change of code may be the repair, a missing helper that is there now say.

    And those of `retry` that did not compile.
    """
    died = frozenset(t for t in retry if (r := world.records.get(t)) is not None and r.problem is not None)
    if not any(path.endswith(".py") for path in touched):
        return died
    broken = ((t, r, r.problem) for t in world.unsettled if (r := world.records.get(t)) is not None)
    # One that comes to no end costs the time for it: only for what it had read.
    short = {t: r for t, r, p in broken if p is not None and p.code is not Code.TIMEOUT}
    return died | {t for t, r in short.items() if r.spec.builder.language is Language.PYTHON}


def _rests(world: World, task: str) -> bool:
    """Whether a task was at rest before it was recompiled into the plan that it had."""
    record = world.records.get(task)
    return rests(world, task) and record is not None and record.problem is None


class Wish(msgspec.Struct, frozen=True):
    """What was asked of a build: `only` these tasks or outputs with what they need, failures to `retry`.

    Tasks of `again` execute although nothing moved.
    """

    only: frozenset[str] | None = None
    retry: frozenset[str] = frozenset()
    again: frozenset[str] = frozenset()


#: What made a table.
_RAN = frozenset({Action.EXECUTED, Action.RESTORED})
#: The wish of a daemon after a save.
EVERYTHING = Wish()


async def build(
    world: World, tools: Tools, session: LoaderSession, changes: ChangeSet, wish: Wish = EVERYTHING
) -> BuildReport:
    """Take `changes` in and bring everything, or what is wished, to rest.

    Raises StateError when the result cannot be kept. Cancelling it leaves the world consistent and dirty.
    """
    started_at, started = tools.clock.time(), tools.clock.monotonic()
    compiled = await compile_changes(world, tools, session, changes, wish.retry)
    again = wish.again & world.catalog.by_name.keys()
    compiled = replace(compiled, cone=compiled.cone | world.graph.cone(again, ()))
    await tools.executions.end(lambda task: _is_obsolete(world, compiled, task))
    world.pending |= compiled.cone
    digests = Digests(tools.engines, tools.memory, world.graph, world.sums)
    run = Run(world, workshop_of(tools, session), digests, compiled.dirty, retry=wish.retry, again=again)
    try:
        with tools.trace.span("run"):
            await run.go(_wished(world, compiled.cone, wish))
        world.moved.clear()
        world.has_built = True
        keep_stale(world)
        # What still runs was not taken over by this run: nobody will ask for it.
        await tools.executions.end(lambda _: True)
    finally:
        world.carry(run.memo, digests.rows(), run.made)
        # Cancelled: what would have followed what has run already follows nothing that the next build will run.
        world.unsettled |= world.pending & world.catalog.by_name.keys()
        world.carried.ran |= {t: found for t, found in run.results.items() if found.action in _RAN}
    record = _record(world, compiled, run, changes, (started_at, (tools.clock.monotonic() - started) * 1000))
    first = world.shown.revision is None
    problems = problems_of(world)
    stage = Stage(tools.engines, tools.objects, tools.readers, tools.memory)
    upcoming = world.shown.upcoming(world.notes)
    if first or upcoming:
        # The views are bound while what they show is made durable: 2 ms of a leaf edit, a tenth of a cone of 100, and
        # 0.3 s of the first build of 1,000 tasks.
        prepare(world, stage, None if first else upcoming)
    warnings = await _commit(world, tools, record, problems)
    world.untold = record
    shown = world.shown.waiting()
    if first or shown:
        tools.check()
        with tools.trace.span("publish"):
            published = await publish(world, stage, None if first else shown)
        if published is not None:
            world.shown.publish(world.revision)
            tools.memory.set_published(published)
    tools.tell(ProblemsFound(problems))
    tools.tell(WarningsFound(warnings))
    record = replace(record, ms=(tools.clock.monotonic() - started) * 1000)
    tools.tell(_ready(record, len(problems)))
    world.untold, world.has_told = None, True
    return BuildReport(record, problems)


def workshop_of(tools: Tools, session: LoaderSession) -> Workshop:
    """What a run with this session works with."""
    return Workshop(tools.engines, session, tools.memory, tools.objects, tools.executions, tools.tell, tools.clock)


def _wished(world: World, cone: frozenset[str], wish: Wish) -> frozenset[str]:
    if wish.only is None:
        return cone
    wanted = world.graph.with_upstream(map(world.task_named, wish.only))
    return cone & (wanted | world.graph.cone(wish.again, ()))


def _is_obsolete(world: World, compiled: Compiled, task: str) -> bool:
    """Whether a query that still runs for an earlier run can no longer be what this one wants."""
    if task not in world.catalog.by_name or task in compiled.compilation.moved or task not in world.plans:
        return True
    moved = {name.lower() for name in world.moved}
    reads = {need.dataset.lower() for need in world.plans[task].deps.inputs}
    return not moved.isdisjoint(reads) or any(up in compiled.cone for up in world.graph.upstream(task))


def keep_stale(world: World) -> None:
    """Write down as stale what is still to be brought to rest: a build of some tasks leaves the others so."""
    for task in world.pending & world.catalog.by_name.keys():
        spec = world.catalog.by_name[task]
        world.put_status(task, status_of(world, spec, TaskState.STALE, "something that it depends on moved"))
        world.unsettled.add(task)
    world.pending.clear()


def _record(world: World, compiled: Compiled, run: Run, changes: ChangeSet, times: tuple[float, float]) -> RunRecord:
    world.run += 1
    if world.shown.touched(world.notes):
        world.revision += 1
    taken = [(p, "added") for p in changes.added] + [(p, "changed") for p in changes.changed]
    taken += [(p, "removed") for p in changes.removed]
    return RunRecord(
        run=world.run,
        revision=world.revision,
        started_at=times[0],
        ms=times[1],
        changes=tuple(sorted(taken)),
        recompiled=tuple(sorted(compiled.recompiled)),
        tasks=_told(world, run),
    )


def _told(world: World, run: Run) -> tuple[RunTask, ...]:
    """What became of the tasks, in this run and in those that it superseded: what had run there is at rest now."""
    ran = {t: found for t, found in world.carried.ran.items() if t in world.catalog.by_name}
    rest = {t: found for t, found in run.results.items() if t not in ran or found.action is not Action.CUT_OFF}
    return tuple(found for _, found in sorted((ran | rest).items()))


async def _commit(
    world: World, tools: Tools, record: RunRecord, problems: tuple[Problem, ...]
) -> tuple[TaskWarning, ...]:
    """Make everything durable: first the objects, then the state that names them. Gives the warnings that hold."""
    synced = await _syncing(tools, world.carried.objects | world.taken_objects())
    with tools.trace.span("commit"):
        warnings = warnings_of(world)
        delta = delta_of(world, record, problems)
        tools.memory.commit(delta if warnings == world.unsure.stored else replace(delta, warnings=warnings), synced)
        world.committed()
        world.unsure.stored = warnings
    return warnings


async def _syncing(tools: Tools, made: Collection[str]) -> Callable[[], object] | None:
    """Make objects durable; what is returned waits for few that are so within the time that a commit takes."""
    if tools.objects.syncs_soon(made):
        # Who prepares the views hears of it before we wait.
        await asyncio.sleep(0)
        return tools.objects.syncing(made)
    with tools.trace.span("sync"):
        await asyncio.to_thread(tools.objects.sync, made)
    return None


def _ready(record: RunRecord, n_problems: int) -> AllReady:
    count = {action: sum(1 for t in record.tasks if t.action is action) for action in Action}
    return AllReady(
        revision=record.revision,
        executed=count[Action.EXECUTED],
        restored=count[Action.RESTORED],
        cut_off=count[Action.CUT_OFF],
        blocked=count[Action.BLOCKED],
        failed=count[Action.FAILED],
        problems=n_problems,
        ms=record.ms,
    )
