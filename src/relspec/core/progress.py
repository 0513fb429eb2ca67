"""What a build tells those who watch it while it goes on: a closed union of events, without any wording."""

from enum import StrEnum

import msgspec

from relspec.core.problem import Problem
from relspec.core.warning import TaskWarning


class Action(StrEnum):
    """What became of a task in a run."""

    EXECUTED = "executed"
    RESTORED = "restored"
    CUT_OFF = "cut_off"
    BLOCKED = "blocked"
    FAILED = "failed"


class ChangeDetected(msgspec.Struct, frozen=True):
    """A scan found changed files; paths relative to the project, sorted."""

    paths: tuple[str, ...]


class TaskStarted(msgspec.Struct, frozen=True):
    """A task's query began to execute."""

    task: str


class TaskEnded(msgspec.Struct, frozen=True):
    """A task is settled for this run; `ms` is the time of its query, 0 where none ran; `because` is one sentence."""

    task: str
    action: Action
    ms: float
    because: str


class ProblemsFound(msgspec.Struct, frozen=True):
    """All problems that hold now, new or old, before the end of the run."""

    problems: tuple[Problem, ...]


class WarningsFound(msgspec.Struct, frozen=True):
    """All warnings that hold now, new or old, before the end of the run."""

    warnings: tuple[TaskWarning, ...]


class AllReady(msgspec.Struct, frozen=True):
    """The run is committed and published; nothing of it is reported after this."""

    revision: int
    executed: int
    restored: int
    cut_off: int
    blocked: int
    failed: int
    problems: int
    ms: float


class Freed(msgspec.Struct, frozen=True):
    """Objects that nothing needed any more are gone; between two runs."""

    objects: int
    bytes: int


class SetAside(msgspec.Struct, frozen=True):
    """The database of the state was damaged when it was opened: what is left of it lies at `path` from now on."""

    path: str
    because: str


Progress = ChangeDetected | TaskStarted | TaskEnded | ProblemsFound | WarningsFound | AllReady | Freed | SetAside
