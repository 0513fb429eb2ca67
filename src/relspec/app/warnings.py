"""Everything that is worth a warning now: what plans are not sure of, in the light of the plans above them.

Cost: linear in the plans that have findings, not in the size of the project.
"""

from relspec.app.world import World
from relspec.core.spec import Language, TaskSpec
from relspec.core.warning import Finding, TaskWarning, Uniqueness, open_findings


def warnings_of(world: World) -> tuple[TaskWarning, ...]:
    """The warnings that hold, ordered by place; what the settings or a task's options allow is left out."""
    found = (
        w for task in world.unsure.tasks & world.catalog.by_name.keys() for w in _of(world, world.catalog.by_name[task])
    )
    return tuple(sorted(dict.fromkeys(found), key=lambda w: (w.path, w.line, w.column, w.code, w.task, w.message)))


def _of(world: World, spec: TaskSpec) -> list[TaskWarning]:
    def known(dataset: str) -> Uniqueness | None:
        plan = world.producer_plan(dataset)
        return None if plan is None else plan.repeatability.uniqueness

    allowed = {*world.settings.warnings.ignore, *spec.allow}
    findings = open_findings(world.plans[spec.name].repeatability, known)
    return [_placed(spec, finding) for finding in findings if finding.code not in allowed]


def _placed(spec: TaskSpec, finding: Finding) -> TaskWarning:
    """A query that a Python function gave has no lines of the user's: the function is the place."""
    line, column = finding.line, finding.column
    if spec.builder.language is Language.PYTHON or line is None or column is None:
        line, column = spec.line, 1
    return TaskWarning(finding.code, spec.name, spec.builder.path, line, column, finding.message, finding.hint)
