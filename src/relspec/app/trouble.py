"""Everything that is wrong in the user's files now: gathered from where it was found, each once, ordered by place."""

from collections.abc import Iterable, Mapping

from relspec.app.world import World
from relspec.core.errors import WorkerError
from relspec.core.problem import Code, Problem
from relspec.core.state import TaskState
from relspec.core.work import LoadFailed

#: Failures of the machine's kind are worth another try when somebody asks for a build.
_RETRIED = frozenset({Code.TIMEOUT, Code.CRASH, Code.MEMORY, Code.MACHINE})


def code_of(error: WorkerError) -> Code:
    """The problem that a task has whose process ended."""
    return {"timeout": Code.TIMEOUT, "memory": Code.MEMORY}.get(error.cause, Code.CRASH)


#: What to do next about work that ended its process, by the stage that it was at.
_NEXT: Mapping[Code, Mapping[str, str]] = {
    Code.TIMEOUT: {
        "load": "look for an endless loop or heavy work at the top level of the file, or raise load_s",
        "build": "make the builder or the query simpler, or raise build_s",
        "query": "make the query cheaper, or raise query_s",
    },
    Code.MEMORY: {
        "load": "use less memory at the top level of the file, or raise python_mb",
        "build": "use less memory in the builder, or raise python_mb",
        "query": "make the query smaller, or raise memory_mb, for its Python functions python_mb",
    },
    Code.CRASH: {
        "load": "look at the top level of the file for native code, exits, and processes that it starts",
        "build": "look in the builder for native code, exits, and processes that it starts",
        "query": "look in the Python functions for native code, exits, and processes that they start",
    },
}


def next_step(code: Code, stage: str) -> str:
    """Say what to do about a problem of `code_of`; `stage` is `load`, `build` or `query`."""
    step = _NEXT[code][stage]
    return step if code is Code.CRASH else f"{step}, under [limits] in watch.toml"


def worth_another_try(world: World) -> frozenset[str]:
    """The tasks that the machine made fail, rather than their own query: run, compiled, or kept from being decided."""
    ran = {task for task, (_, problem) in world.failures.items() if problem.code in _RETRIED}
    compiled = {t for t in world.unsettled if (r := world.records.get(t)) is not None and is_retried(r.problem)}
    left = {t for t in world.unsettled if (s := world.statuses.get(t)) is not None and s.state is TaskState.STALE}
    return frozenset(ran | compiled | left)


def refused(world: World) -> frozenset[str]:
    """The tasks for which the machine had no room, no rights or no descriptors: that passes, and nobody need ask."""
    return frozenset(task for task, (_, problem) in world.failures.items() if problem.code is Code.MACHINE)


def try_files_again(world: World) -> None:
    """Have the files looked at again that the machine kept from being loaded, taken in or extracted."""
    extracted = {path for path, problem in world.extractions.problems() if is_retried(problem)}
    world.extractions.pending |= extracted
    world.look_again |= extracted | _refused_files(world)


def _refused_files(world: World) -> frozenset[str]:
    loaded = {
        p for p in world.troubled_modules if isinstance(m := world.modules[p], LoadFailed) and is_retried(m.problem)
    }
    files = (file for name in world.troubled_sources for file in world.sources[name].files)
    return frozenset(loaded | {file.path for file in files if is_retried(file.problem)})


def is_retried(problem: Problem | None) -> bool:
    """Whether the machine made something fail, rather than what is in the files."""
    return problem is not None and problem.code in _RETRIED


def is_misfit(world: World, task: str) -> bool:
    """Whether a task did not compile, or its inputs have other types than it was compiled for."""
    record = world.records.get(task)
    return task in world.edge_failures or (record is not None and record.problem is not None)


def misfit_view(world: World, datasets: Iterable[str]) -> str | None:
    """The first task among these views, and the views that they are made of, that is a misfit; `None` if all fit."""
    for name in sorted(datasets):
        plan = world.view_plan(name)
        inner = [] if plan is None else [world.view_plan(need.dataset) for need in plan.deps.views]
        for view in (plan, *inner):
            if view is not None and is_misfit(world, view.task):
                return view.task
    return None


def problems_of(world: World) -> tuple[Problem, ...]:
    """Everything that is wrong in the user's files now, ordered by place."""
    found: list[Problem] = list(world.catalog.problems)
    found += [p for group in world.loose_problems.values() for p in group]
    found += [p for name in world.troubled_sources for p in world.sources[name].problems]
    for module in (world.modules[path] for path in world.troubled_modules):
        found += [module.problem] if isinstance(module, LoadFailed) else module.problems
    found += [p for task in sorted(world.unsettled) if (p := _own(world, task)) is not None]
    unique = {(p.code, p.task, p.path, p.line, p.column, p.message): p for p in found}
    return tuple(sorted(unique.values(), key=_by_place))


def _own(world: World, task: str) -> Problem | None:
    """The first thing that is wrong with a task itself; what lies behind it is of a text that is no more."""
    if task not in world.catalog.by_name or world.declared_problem(task) is not None:
        return None
    record = world.records.get(task)
    compiled = None if record is None else record.problem
    failure = world.failures.get(task)
    first = world.edge_failures.get(task) or compiled
    problem = first or (None if failure is None else failure[1])
    return None if problem is None or problem.code is Code.UPSTREAM else problem


def _by_place(problem: Problem) -> tuple[str, int, int, str, str]:
    return (problem.path or "", problem.line or 0, problem.column or 0, problem.code, problem.message)
