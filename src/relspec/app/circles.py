"""Tasks that read each other in a circle: told from what their texts read now, whatever came before what.

A task whose declaration does not hold is in no circle, nor one of which only a process that died could say what it
reads. Every other one that reads itself, by way of others or not, is told so, whatever else is wrong with it.

The graph is made of plans, and a plan may be of an earlier text, or hold what a view read in an earlier text. Where
such an edge closes a circle that the texts do not close, it gives way until there is none.
"""

from collections.abc import Mapping
from dataclasses import replace

from relspec.app.world import World
from relspec.core import waits
from relspec.core.plan import InferredDeps, PlanArtifact
from relspec.core.problem import Code
from relspec.core.spec import cycle_problem

#: The problems of tasks whose text nobody came to read.
_UNREAD = frozenset({Code.CRASH, Code.TIMEOUT, Code.MEMORY, Code.MACHINE, Code.UNREADABLE})


def circles_of(world: World) -> Mapping[str, tuple[str, ...]]:
    """Find the tasks in circles, each with its own. Every circle has a task that is not at rest.

    Cost: linear in what those tasks read, directly or not.
    """
    reads: dict[str, set[str]] = {}
    queue = list(world.unsettled)
    while queue:
        task = queue.pop()
        if task not in reads:
            reads[task] = _read_by(world, task)
            queue += reads[task]
    return waits.circles(reads)


def freed_of(world: World) -> set[str]:
    """The tasks whose circle is no more, and that have to be compiled again."""
    told = {t for t in world.unsettled if _code(world, t) is Code.CYCLE and is_sound(world, t)}
    return told - circles_of(world).keys() if told else set()


def name_circles(world: World) -> None:
    """Tell every task in a circle of it."""
    for task, circle in circles_of(world).items():
        record = world.records[task]
        problem = cycle_problem(world.catalog.by_name[task], circle)
        world.edge_failures.pop(task, None)
        world.unsettled.add(task)
        if record.problem != problem:
            world.put_record(task, replace(record, problem=problem))


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


def _read_by(world: World, task: str) -> set[str]:
    """The tasks whose outputs the text of a task reads."""
    record = world.records.get(task)
    if record is None or not is_sound(world, task) or _code(world, task) in _UNREAD:
        return set()
    return {producer.name for dataset, _ in record.asked if (producer := world.producer(dataset)) is not None}


def _of_its_text(world: World, plan: PlanArtifact) -> InferredDeps:
    """What of a plan the text of its task reads now, by name: nothing where the plan is of another text."""
    asked = {dataset.lower() for dataset, _ in world.records[plan.task].asked}
    named = tuple(need for need in plan.deps.inputs if need.dataset.lower() in asked)
    return InferredDeps(named, plan.deps.views) if _is_compiled(world, plan.task) else InferredDeps((), ())


def _is_compiled(world: World, task: str) -> bool:
    return task in world.plans and task in world.records and _code(world, task) is None and is_sound(world, task)


def _code(world: World, task: str) -> Code | None:
    record = world.records.get(task)
    return None if record is None or record.problem is None else record.problem.code
