"""A script: a project, and steps of edits. From it follow the versions that are built, one after the other."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.campaign.edits import Edit, applied, new_edit
from tests.campaign.generate import new_project
from tests.campaign.model import drifted_between
from tests.campaign.shape import Project

_SIZES = ((1, 4), (4, 10), (10, 20), (20, 40))


@dataclass(frozen=True, slots=True)
class Step:
    """What happens between two builds: back by `back` versions, edits, and what lasts for one more build only."""

    edits: tuple[Edit, ...]
    excursion: Edit | None = None
    back: int = 0
    restart: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """A project and what is done to it."""

    seed: int
    project: Project
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the files. `drifted` are columns that are of another kind than before."""

    project: Project
    drifted: dict[str, frozenset[str]]
    touched: bool
    restart: bool
    edits: tuple[str, ...]


def new_script(seed: int, n_steps: int) -> Script:
    """The script of a seed."""
    rng = random.Random(seed)
    project = start = new_project(rng, rng.randint(*rng.choices(_SIZES, (3, 4, 2, 1))[0]))
    history = [project]
    steps = []
    for _ in range(n_steps):
        step = _new_step(project, rng, len(history))
        steps.append(step)
        project = _after(project, step, history)
    return Script(seed, start, tuple(steps))


def _new_step(project: Project, rng: random.Random, n_history: int) -> Step:
    edits = tuple(new_edit(project, rng, excursion=False) for _ in range(rng.choice((1, 1, 1, 2, 3))))
    excursion = new_edit(project, rng, excursion=True) if rng.random() < 0.15 else None
    back = rng.randint(1, min(4, n_history - 1)) if n_history > 1 and rng.random() < 0.15 else 0
    edits = edits if not back or rng.random() < 0.2 else ()
    return Step(edits, excursion, back, rng.random() < 0.03)


def _after(project: Project, step: Step, history: list[Project]) -> Project:
    if step.back and len(history) > step.back:
        project = history[-1 - step.back]
    for edit in step.edits:
        project = applied(project, edit)
    history.append(project)
    return project


def versions(script: Script) -> Iterator[Version]:
    """Every version in its order, the first one included.

    What lasts for one build only is not the last: a clean build knows of no before, neither what a type was nor which
    tasks a file that does not load has.
    """
    project = script.project
    history = [project]
    yield Version(project, {}, touched=False, restart=False, edits=())
    for i, step in enumerate(script.steps, 1):
        project = _after(project, step, history)
        words = tuple(f"{e.kind} {e.target}" for e in step.edits) + ((f"back {step.back}",) if step.back else ())
        touched = any(e.kind == "touch" for e in step.edits)
        yield Version(project, {}, touched, step.restart, words)
        if step.excursion is not None and i < len(script.steps):
            aside = applied(project, step.excursion)
            words = (f"{step.excursion.kind} {step.excursion.target}",)
            yield Version(aside, drifted_between(project, aside), touched=False, restart=False, edits=words)
