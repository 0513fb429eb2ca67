"""Edits of a generated project: every row of the contract, and some more. Each is a pure function of project and seed.

An edit that does not apply, or that would break what it is not meant to break, leaves the project as it is; so any
part of a script is a script. What breaks something is an excursion: it lasts for one build.
"""

import random
from dataclasses import dataclass, replace

from tests.campaign.generate import with_new_task
from tests.campaign.model import health_of
from tests.campaign.shape import Project
from tests.campaign.source_edits import SOURCE_EDITS
from tests.campaign.task_edits import TASK_EDITS


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit: its kind, the task, source or helper that it is about, and the seed of what is left open."""

    kind: str
    target: str
    seed: int


def applied(project: Project, edit: Edit) -> Project:
    """The project after an edit; unchanged where the edit does not apply or would break something."""
    after = _attempted(project, edit)
    if edit.kind in EXCURSIONS:
        return after
    health = health_of(after, {})
    return project if health.failed or health.blocked else after


def _attempted(project: Project, edit: Edit) -> Project:
    rng = random.Random(edit.seed)
    task, source = project.task(edit.target), project.source(edit.target)
    if edit.kind in TASK_EDITS:
        return project if task is None else TASK_EDITS[edit.kind](project, task, rng)
    if edit.kind in SOURCE_EDITS:
        return project if source is None else SOURCE_EDITS[edit.kind](project, source, rng)
    if edit.kind == "add task":
        return with_new_task(project, rng)
    if edit.kind == "helper":
        helpers = tuple((n, rng.randrange(1000) if n == edit.target else s) for n, s in project.helpers)
        return replace(project, helpers=helpers)
    assert edit.kind == "touch", edit.kind
    return project


#: Edits that may break something; the project is back to what it was after one build.
EXCURSIONS = frozenset(k for k in (*TASK_EDITS, *SOURCE_EDITS) if k.endswith("for one build"))
_WEIGHTS = {"style": 6, "literal": 5, "add output": 4, "modify output": 4, "change value": 4, "reorder outputs": 2}


def new_edit(project: Project, rng: random.Random, *, excursion: bool) -> Edit:
    """A random edit of what is there."""
    kinds = [k for k in (*TASK_EDITS, *SOURCE_EDITS, "touch", "helper", "add task") if (k in EXCURSIONS) == excursion]
    kind = rng.choices(kinds, [_WEIGHTS.get(k, 1) for k in kinds])[0]
    targets = [s.name for s in project.sources]
    if kind in TASK_EDITS:
        targets = [t.name for t in project.tasks]
    elif kind == "helper":
        targets = [n for n, _ in project.helpers]
    elif kind == "touch":
        targets = ["*"]
    return Edit(kind, rng.choice(targets or [""]), rng.randrange(10**9))
