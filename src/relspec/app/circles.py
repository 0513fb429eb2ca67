"""Tasks that wait for each other or for a broken one: told from what their texts read now, whatever came before what.

A task whose declaration does not hold is in no circle, nor one of which only a process that died could say what it
reads. Every other one that reads itself, by way of others or not, is told so, whatever else is wrong with it.

A broken task may have a plan of a better time, and what reads it be compiled against that. What is wrong there is not
told: nobody knows whether it is, and a build from nothing would not. It waits, as it would where nothing was there.

The graph is made of plans, and a plan may be of an earlier text, or hold what a view read in an earlier text. Where
such an edge closes a circle that the texts do not close, it gives way until there is none.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from relspec.app.compile_task import upstream_problem
from relspec.app.trouble import is_misfit
from relspec.app.world import World
from relspec.core import waits
from relspec.core.plan import InferredDeps, PlanArtifact
from relspec.core.problem import Code, Problem
from relspec.core.spec import cycle_problem

#: The problems of tasks whose text nobody came to read.
_UNREAD = frozenset({Code.CRASH, Code.TIMEOUT, Code.MEMORY, Code.MACHINE, Code.UNREADABLE})
#: The problems that a task can have with the columns that it saw.
_SEEN = frozenset({Code.UNKNOWN_COLUMN, Code.EDGE, Code.TYPE, Code.SQL, Code.BUILDER, Code.OUTPUT_SCHEMA})


def circles_of(world: World) -> Mapping[str, tuple[str, ...]]:
    """Find the tasks in circles, each with its own. Every circle has a task that is not at rest.

    Cost: linear in what lies below those tasks, as the build that asks. (Above them there may be the whole project.)
    """
    below = list(world.unsettled & world.catalog.by_name.keys())
    seen = set(below)
    for task in below:
        readers = world.asked_by(world.catalog.by_name[task].output) - seen
        seen |= readers
        below += readers & world.catalog.by_name.keys()
    return waits.circles({task: _read_by(world, task) for task in below})


def freed_of(world: World) -> set[str]:
    """The tasks whose circle is no more, or for which nothing is broken any more: they have to be compiled again."""
    told = {t: _code(world, t) for t in world.unsettled if is_sound(world, t)}
    in_circles = {t for t, code in told.items() if code is Code.CYCLE}
    waiting = {t for t, code in told.items() if code is Code.UPSTREAM and broken_above(world, t) is None}
    return (in_circles - circles_of(world).keys() if in_circles else set()) | {t for t in waiting if _is_met(world, t)}


def broken_above(world: World, task: str) -> str | None:
    """One of the tasks that a task reads, directly or not, that did not compile or has inputs of other types."""
    queue = [task]
    seen = {task}
    for reader in queue:
        for above in sorted(_read_by(world, reader) - seen):
            if not is_sound(world, above) or is_misfit(world, above):
                return above
            seen.add(above)
            queue.append(above)
    return None


def name_waiting(world: World) -> None:
    """Tell every task in a circle of it, and what saw a broken task as it was that it waits for that."""
    for task, circle in circles_of(world).items():
        world.edge_failures.pop(task, None)
        world.unsettled.add(task)
        _tell(world, task, cycle_problem(world.catalog.by_name[task], circle))
    for task in sorted(t for t in world.unsettled if _code(world, t) in _SEEN and is_sound(world, t)):
        broken = broken_above(world, task)
        if broken is not None:
            _tell(world, task, upstream_problem(world.catalog.by_name[task], broken))


def connect(world: World) -> None:
    """Put the edges of tasks that compiled into the graph where an edge of an earlier text kept them out."""
    for task in sorted(world.unconnected):
        if not _is_compiled(world, task):
            continue
        circle = world.connect(world.plans[task])
        gave: set[str] = set()
        while circle:
            assert not gave.issuperset(circle), f"a circle was not named: {circle}"
            gave |= {*circle}
            world.unconnected |= gave
            plans = [world.plans[member] for member in circle]
            # The task itself comes last: the others have given way to it by then.
            circle = [world.graph.put(p.task, p.output, _of_its_text(world, p)) for p in reversed(plans)][-1]


def is_sound(world: World, task: str) -> bool:
    """Whether a task is declared, and its declaration holds."""
    return task in world.catalog.by_name and world.declared_problem(task) is None


def _is_met(world: World, task: str) -> bool:
    """Whether something is known of all that a task asked for."""
    return all(world.schema(dataset) is not None for dataset, _ in world.records[task].asked)


def _tell(world: World, task: str, problem: Problem) -> None:
    record = world.records[task]
    if record.problem != problem:
        world.put_record(task, replace(record, problem=problem))


def _read_by(world: World, task: str) -> set[str]:
    """The tasks whose outputs the text of a task reads."""
    record = world.records.get(task)
    if record is None or not is_sound(world, task) or _code(world, task) in _UNREAD:
        return set()
    return {producer.name for dataset, _ in record.asked if (producer := world.producer(dataset)) is not None}


def _of_its_text(world: World, plan: PlanArtifact) -> InferredDeps:
    """What of a plan the text of its task reads now, by name: nothing where the plan is of another text."""
    if not _is_compiled(world, plan.task):
        return InferredDeps((), ())
    asked = {dataset.lower() for dataset, _ in world.records[plan.task].asked}
    return InferredDeps(tuple(n for n in plan.deps.inputs if n.dataset.lower() in asked), plan.deps.views)


def _is_compiled(world: World, task: str) -> bool:
    return task in world.plans and task in world.records and _code(world, task) is None and is_sound(world, task)


def _code(world: World, task: str) -> Code | None:
    record = world.records.get(task)
    return None if record is None or record.problem is None else record.problem.code
