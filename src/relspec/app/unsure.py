"""The warnings that hold, by task, and which of them have to be worked out anew.

A task's warnings hang on its plan, on its declaration, on what the settings ignore, and on what is known of the
datasets that were asked about when they were worked out. `move` and `redeclare` mark those that one of these moved for;
`warnings_of` works them out. All others stay as they are.
"""

from bisect import insort
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from relspec.core.mentions import Mentions
from relspec.core.plan import PlanArtifact
from relspec.core.spec import TaskCatalog, TaskSpec
from relspec.core.warning import TaskWarning


class Weighed(NamedTuple):
    """What came of a task's findings: those that hold, and the datasets that were asked about, in lower case."""

    warnings: tuple[TaskWarning, ...]
    asked: frozenset[str]


class Unsure:
    """The warnings of one project. `told` are all in order, `due` the tasks whose own may be others by now.

    `stored` are those that the store has; `None` is not known.
    """

    def __init__(self, plans: Mapping[str, PlanArtifact]) -> None:
        self.due = {task for task, plan in plans.items() if plan.repeatability.findings}
        self.told: tuple[TaskWarning, ...] = ()
        self.stored: tuple[TaskWarning, ...] | None = None
        self._ignored: frozenset[str] = frozenset()
        self._weighed: dict[str, Weighed] = {}
        self._asked_by = Mentions()

    def move(self, tasks: Iterable[str], outputs: Iterable[str]) -> None:
        """Mark tasks whose plan or declaration moved, and all that asked about the datasets that they make or made."""
        self.due.update(tasks)
        for output in outputs:
            self.due |= self._asked_by.of(output.lower())

    def redeclare(self, before: TaskCatalog, after: TaskCatalog) -> None:
        """Mark what another catalog moves: tasks that are declared otherwise, and datasets that another one makes."""
        self.move(_moved(before.by_name, after.by_name), _moved(before.by_output, after.by_output))

    def ignore(self, codes: frozenset[str]) -> None:
        """Take over which codes are ignored: if others than before, all tasks are due."""
        if codes != self._ignored:
            self._ignored = codes
            self.due |= self._weighed.keys()

    def put(self, found: Mapping[str, Weighed | None]) -> None:
        """Take what was found of tasks that were due; `None` is no finding, or no task."""
        moved = False
        for task, now in found.items():
            before = self._weighed.pop(task, None)
            self._asked_by.drop(task, () if before is None else before.asked)
            if now is not None:
                self._weighed[task] = now
                self._asked_by.add(task, now.asked)
            moved |= (before and before.warnings) != (now and now.warnings)
        self.due -= found.keys()
        if moved:
            told = [w for w in self.told if w.task not in found]
            for warning in (w for now in found.values() if now is not None for w in now.warnings):
                insort(told, warning, key=_rank)
            self.told = tuple(told)


def _rank(warning: TaskWarning) -> tuple[object, ...]:
    """The order in which warnings are told: by place."""
    return warning.path, warning.line, warning.column, warning.code, warning.task, warning.message


def _moved(before: Mapping[str, TaskSpec], after: Mapping[str, TaskSpec]) -> list[str]:
    pairs = ((name, before.get(name), after.get(name)) for name in before.keys() | after.keys())
    return [name for name, was, now in pairs if was is not now and was != now]
