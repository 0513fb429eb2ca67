"""The daemon's progress as lines, for logs and pipes: one line an event, in the order of the events.

Two sentences are a contract with scripts that wait for them:

    relspec-watch: change detected: 2 file(s): tasks/a.sql, tasks/b.sql
    relspec-watch: ready: revision 7, 2 executed, 0 restored, 1 cut off, 0 problem(s) in 34 ms

Problems stand before the `ready` of their run, never after it, and each once a run. A warning is told once.
"""

from typing import TextIO, assert_never

from relspec.core.problem import Problem
from relspec.core.progress import (
    Action,
    AllReady,
    ChangeDetected,
    Freed,
    ProblemsFound,
    Progress,
    SetAside,
    TaskEnded,
    TaskStarted,
    WarningsFound,
)
from relspec.core.warning import TaskWarning
from relspec.ui.render.page import Page
from relspec.ui.render.problems import document_of, problem_lines, warning_lines
from relspec.ui.render.text import counted, duration, escape, size

NAMES_MAX = 5


class Lines:
    """Writes each event to `stream`, whole lines at a time."""

    def __init__(self, stream: TextIO, page: Page) -> None:
        self._stream = stream
        self._page = page
        self._told: set[Problem] = set()
        self._warned: frozenset[TaskWarning] = frozenset()

    def __call__(self, event: Progress) -> None:
        """Tell one event."""
        lines = self._lines(event)
        if lines:
            self._stream.write("".join(f"{line}\n" for line in lines))
            self._stream.flush()

    def let_go(self) -> None:
        """Leave the stream as it is: every line is whole."""

    def _lines(self, event: Progress) -> list[str]:  # noqa: PLR0911 one line an event
        match event:
            case ChangeDetected(paths):
                return [changed_line(paths)]
            case TaskStarted(task):
                return [f"relspec-watch: running: {escape(task)}"]
            case TaskEnded():
                return [ended_line(event)]
            case ProblemsFound(problems):
                return self._new_problems(problems)
            case WarningsFound(warnings):
                return self._new_warnings(warnings)
            case AllReady():
                self._told.clear()
                return [ready_line(event)]
            case Freed(objects, n_bytes):
                return [f"relspec-watch: freed {counted(objects, 'object')} ({size(n_bytes)})"]
            case SetAside():
                return [aside_line(event)]
            case _:
                assert_never(event)

    def _new_problems(self, problems: tuple[Problem, ...]) -> list[str]:
        new = [problem for problem in dict.fromkeys(problems) if problem not in self._told]
        self._told.update(new)
        return problem_lines([document_of(problem) for problem in new], self._page)

    def _new_warnings(self, warnings: tuple[TaskWarning, ...]) -> list[str]:
        """Warnings stay for long, so each is told when it comes, and not with every save."""
        new = [warning for warning in warnings if warning not in self._warned]
        self._warned = frozenset(warnings)
        return warning_lines([document_of(warning) for warning in new], self._page)


def changed_line(paths: tuple[str, ...]) -> str:
    """Say what was saved."""
    names = [escape(path) for path in paths[:NAMES_MAX]] + (["…"] if len(paths) > NAMES_MAX else [])
    return f"relspec-watch: change detected: {len(paths)} file(s): {', '.join(names)}"


def aside_line(event: SetAside) -> str:
    """Say that the database was damaged, and where it lies."""
    damaged = f"the database of the state was damaged ({escape(event.because)})"
    return f"relspec-watch: warning: {damaged}; it lies in {escape(event.path)} now, and all is built anew"


def ended_line(event: TaskEnded) -> str:
    """Say what became of a task."""
    took = f" in {duration(event.ms)}" if event.action is Action.EXECUTED else ""
    because = f" ({escape(event.because)})" if event.because else ""
    return f"relspec-watch: {event.action.value.replace('_', ' ')}: {escape(event.task)}{took}{because}"


def ready_line(event: AllReady) -> str:
    """Say that a run is committed and published."""
    did = f"{event.executed} executed, {event.restored} restored, {event.cut_off} cut off"
    return f"relspec-watch: ready: revision {event.revision}, {did}, {event.problems} problem(s) in {event.ms:.0f} ms"
