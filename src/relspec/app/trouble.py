"""Everything that is wrong in the user's files now: gathered from where it was found, each once, ordered by place."""

from relspec.app.world import World
from relspec.core.problem import Code, Problem
from relspec.core.work import LoadFailed


def problems_of(world: World) -> tuple[Problem, ...]:
    """Everything that is wrong in the user's files now, ordered by place."""
    found: list[Problem] = list(world.catalog.problems)
    found += [p for group in world.loose_problems.values() for p in group]
    found += [p for name in world.troubled_sources for p in world.sources[name].problems]
    for module in (world.modules[path] for path in world.troubled_modules):
        found += [module.problem] if isinstance(module, LoadFailed) else module.problems
    broken = world.unsettled & world.records.keys()
    found += [p for t in broken if (p := world.records[t].problem) is not None and p.code is not Code.UPSTREAM]
    found += world.edge_failures.values()
    found += [world.failures[t][1] for t in sorted(world.failures)]
    found += [world.cycles[t] for t in sorted(world.cycles)]
    unique = {(p.code, p.task, p.path, p.line, p.column, p.message): p for p in found}
    return tuple(sorted(unique.values(), key=_by_place))


def _by_place(problem: Problem) -> tuple[str, int, int, str, str]:
    return (problem.path or "", problem.line or 0, problem.column or 0, problem.code, problem.message)
