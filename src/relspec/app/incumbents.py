"""Tasks that were built before keep their place and their last good output when their declaration goes wrong.

A clash or a misspelled option must not take a table away from its readers: the task fails, under the declaration that
it had when it was last compiled.
"""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from relspec.core.problem import Problem
from relspec.core.spec import TaskCatalog, TaskSpec
from relspec.core.work import Loaded

if TYPE_CHECKING:
    from relspec.app.world import World


def with_incumbents(catalog: TaskCatalog, world: "World") -> tuple[TaskCatalog, dict[str, Problem]]:
    """Add the tasks whose declarations are wrong now and were right before; and what is wrong with each."""
    modules = (world.modules[path] for path in sorted(world.troubled_modules))
    wrong = [*catalog.problems, *(p for m in modules if isinstance(m, Loaded) for p in m.problems)]
    kept: dict[str, TaskSpec] = {}
    problems: dict[str, Problem] = {}
    taken = set(catalog.by_output)
    for problem in wrong:
        record = world.records.get(problem.task or "")
        if record is None or problem.task is None or problem.task not in world.plans or problem.task in catalog.by_name:
            continue
        if record.spec.output.lower() not in taken and record.spec.builder.path == problem.path:
            kept[problem.task] = record.spec
            problems[problem.task] = problem
            taken.add(record.spec.output.lower())
    if not kept:
        return catalog, {}
    outputs = {spec.output.lower(): spec for spec in kept.values()}
    return replace(catalog, by_name={**catalog.by_name, **kept}, by_output={**catalog.by_output, **outputs}), problems
