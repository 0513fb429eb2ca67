"""Everything that is worth a warning now: what plans are not sure of, in the light of the plans above them.

Cost: linear in the tasks whose plan, declaration or knowledge of their inputs moved since the last time.
"""

from relspec.app.unsure import Unsure, Weighed
from relspec.app.world import World
from relspec.core.finding import Finding, Uniqueness, open_findings
from relspec.core.spec import Language, TaskSpec
from relspec.core.warning import TaskWarning


def warnings_of(world: World) -> tuple[TaskWarning, ...]:
    """The warnings that hold, ordered by place; what the settings or a task's options allow is left out."""
    unsure = world.unsure
    unsure.ignore(frozenset(map(str, world.settings.warnings.ignore)))
    due = {task: world.catalog.by_name.get(task) for task in sorted(unsure.due)}
    unsure.put({task: _of(world, task, spec) for task, spec in due.items()})
    return unsure.told


def all_warnings(world: World) -> tuple[TaskWarning, ...]:
    """The same, with nothing taken from what was worked out before."""
    kept, world.unsure = world.unsure, Unsure(world.plans)
    try:
        return warnings_of(world)
    finally:
        world.unsure = kept


def _of(world: World, task: str, spec: TaskSpec | None) -> Weighed | None:
    asked: set[str] = set()

    def known(dataset: str) -> Uniqueness | None:
        asked.add(dataset.lower())
        plan = world.producer_plan(dataset)
        return None if plan is None else plan.repeatability.uniqueness

    plan = world.plans.get(task)
    if spec is None or plan is None or not plan.repeatability.findings:
        return None
    allowed = {*world.settings.warnings.ignore, *spec.allow}
    findings = open_findings(plan.repeatability, known)
    told = dict.fromkeys(_placed(spec, finding) for finding in findings if finding.code not in allowed)
    return Weighed(tuple(told), frozenset(asked))


def _placed(spec: TaskSpec, finding: Finding) -> TaskWarning:
    """A query that a Python function gave has no lines of the user's: the function is the place."""
    line, column = finding.line, finding.column
    if spec.builder.language is Language.PYTHON or line is None or column is None:
        line, column = spec.line, 1
    return TaskWarning(finding.code, spec.name, spec.builder.path, line, column, finding.message, finding.hint)
