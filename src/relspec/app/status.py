"""The answer to `status`: a line a task. Each line is kept as JSON until something that it says is another.

Scripts and editors ask all the time. Of 10,000 tasks all lines take 80 ms to make, and to see that they are still
right takes less than one. Whether something is another is seen by what it is made of, so nobody has to tell.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from relspec.app.documents import Document, moment, problem_document, warning_documents
from relspec.app.trouble import problems_of
from relspec.app.world import World
from relspec.core.document import EncodedList, encoded
from relspec.core.spec import TaskSpec
from relspec.core.state import TaskState, TaskStatus


@dataclass(frozen=True, slots=True)
class TaskLines(EncodedList):
    """The lines of some tasks as JSON, and whether any of these is blocked or failed."""

    broken: bool


class StatusLines:
    """The lines of one project's tasks by name, as they were when somebody last asked."""

    def __init__(self) -> None:
        self._texts: dict[str, bytes] = {}
        self._broken: set[str] = set()
        self._seen = _Seen({}, {}, {})

    def of(self, world: World, tasks: Sequence[str]) -> TaskLines:
        """Give the lines of `tasks`, or where none is named of all; those that are others now are made anew."""
        before, self._seen = self._seen, _seen(world)
        for task in {t for was, now in zip(before, self._seen, strict=True) for t in _moved(was, now)}:
            self._renew(task)
        if before.specs is not self._seen.specs:
            self._texts = dict(sorted(self._texts.items()))
        if not tasks:
            return TaskLines(tuple(self._texts.values()), bool(self._broken))
        return TaskLines(tuple(self._texts[task] for task in sorted(tasks)), not self._broken.isdisjoint(tasks))

    def _renew(self, task: str) -> None:
        self._broken.discard(task)
        spec, status = self._seen.specs.get(task), self._seen.statuses.get(task)
        if spec is None:
            self._texts.pop(task, None)
            return
        state = TaskState.STALE if status is None else status.state
        state = self._seen.unsettled.get(task, state)
        if state in {TaskState.BLOCKED, TaskState.FAILED}:
            self._broken.add(task)
        self._texts[task] = encoded(_line(spec, status, state))


def status_document(world: World, pid: int | None, tasks: Sequence[str], lines: StatusLines) -> Document:
    """What is current, stale, running, blocked or failed; `lines` are those of the last answers."""
    return {
        "daemon": {"running": pid is not None, "pid": pid},
        "revision": world.revision,
        "tasks": lines.of(world, tasks),
        "problems": [problem_document(p) for p in problems_of(world) if not tasks or p.task in tasks],
        "warnings": warning_documents(world, tasks or None),
    }


class _Seen(NamedTuple):
    """All that lines are made of. `unsettled` are the tasks that are shown in another state than their status has."""

    specs: Mapping[str, TaskSpec]
    statuses: Mapping[str, TaskStatus]
    unsettled: Mapping[str, TaskState]


def _seen(world: World) -> _Seen:
    published_later = {spec.name for name in world.notes.outputs if (spec := world.producer(name)) is not None}
    # Not brought to rest yet, or executed and to be published with the rest of its run.
    moving = [(task, world.statuses.get(task)) for task in world.pending | published_later]
    stale = {task: TaskState.STALE for task, known in moving if known is not None and known.state is TaskState.FRESH}
    running = dict.fromkeys(world.running, TaskState.RUNNING)
    return _Seen(world.catalog.by_name, dict(world.statuses), stale | running)


def _moved(before: Mapping[str, object], after: Mapping[str, object]) -> Iterable[str]:
    # Mostly nothing has moved; of the same objects that is seen in a tenth of the time.
    if before is after or before == after:
        return ()
    return [name for name, now in after.items() if before.get(name) is not now] + list(before.keys() - after.keys())


def _line(spec: TaskSpec, status: TaskStatus | None, state: TaskState) -> Document:
    executed_at = None if status is None else status.executed_at
    return {
        "name": spec.name,
        "output": spec.output,
        "kind": str(spec.kind),
        "state": str(state),
        "rows": None if status is None else status.rows,
        "fingerprint": None if status is None else status.fingerprint,
        "executed_at": None if executed_at is None else moment(executed_at),
        "ms": None if status is None or status.ms is None else round(status.ms, 3),
        "reason": "not built yet" if status is None else status.reason,
    }
