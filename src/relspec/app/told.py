"""To whom the daemon tells what it does: the listener on its terminal, its log, and the service manager.

A problem or a warning is written to the log when it comes, and a problem also when it goes; not with every run.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import assert_never

import msgspec

from relspec import __version__
from relspec.core.layout import Layout
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
from relspec.edges.journal import Journal, Level
from relspec.edges.supervisor import Supervisor

#: The manager is told that we live so many times within the span after which it gives us up.
_SIGNS = 3


class Told:
    """A listener that hands every event on; nothing of its own can fail."""

    def __init__(self, listener: Callable[[Progress], None], journal: Journal, supervisor: Supervisor) -> None:
        self._listener = listener
        self._journal = journal
        self._supervisor = supervisor
        self._problems: frozenset[Problem] = frozenset()
        self._warnings: frozenset[TaskWarning] = frozenset()
        self._lives = False
        self._lost: str | None = None

    def __call__(self, event: Progress) -> None:
        """Tell one event."""
        self._write(event)
        if isinstance(event, AllReady):
            self._supervisor.status(f"revision {event.revision}, {event.problems} problem(s)")
        self._listener(event)

    def began(self, layout: Layout) -> None:
        """Write down that a life begins: the state is ours, and the log in it."""
        self._lives = True
        if self._lost is not None:
            self._journal.write(Level.WARNING, "state-lost", message=self._lost)
        self._lost = None
        self._journal.write(Level.INFO, "start", version=__version__, root=str(layout.root))

    def lost(self, sentence: str) -> None:
        """Write down that the state was lost, as soon as there is a new one with a log in it."""
        self._problems, self._warnings = frozenset(), frozenset()
        self._lost = sentence

    def ended(self, because: str, error: BaseException | None = None) -> None:
        """Write down that the life ends, and of what; nothing where none has begun."""
        if not self._lives:
            return
        failed = {} if error is None else {"error": f"{type(error).__name__}: {error}"}
        self._journal.write(Level.INFO if error is None else Level.ERROR, "stop", because=because, **failed)

    @asynccontextmanager
    async def supervised(self) -> AsyncIterator[None]:
        """Let the service manager know that we are ready, that the loop goes round, and that it ends.

        Not where it is left by an error: after a lost state we go on, and a manager that was told of an end would kill.
        """
        self._supervisor.ready()
        signs = asyncio.create_task(self._give_signs())
        try:
            yield
        finally:
            signs.cancel()
        self._supervisor.stopping()

    async def _give_signs(self) -> None:
        interval = self._supervisor.watchdog_s
        while interval is not None:
            self._supervisor.alive()
            await asyncio.sleep(interval / _SIGNS)

    def _write(self, event: Progress) -> None:
        write = self._journal.write
        match event:
            case ChangeDetected(paths):
                write(Level.INFO, "changed", n=len(paths), paths=paths)
            case TaskStarted() | TaskEnded(action=Action.CUT_OFF):
                pass
            case TaskEnded():
                # Spelt out: `asdict` takes as long as all the rest of a line, and there is one for each task.
                facts = {"task": event.task, "action": event.action, "ms": event.ms, "because": event.because}
                write(Level.INFO, "task", **facts)
            case ProblemsFound(problems):
                self._write_problems(problems)
            case WarningsFound(warnings):
                self._write_warnings(warnings)
            case AllReady():
                if not event.problems:
                    # Runs without problems need not say so.
                    self._write_problems(())
                write(Level.INFO, "ready", **msgspec.structs.asdict(event))
            case Freed():
                write(Level.INFO, "freed", **msgspec.structs.asdict(event))
            case SetAside():
                write(Level.WARNING, "set-aside", **msgspec.structs.asdict(event))
            case _:
                assert_never(event)

    def _write_problems(self, problems: Iterable[Problem]) -> None:
        before, self._problems = self._problems, frozenset(problems)
        for problem in dict.fromkeys(problems):
            if problem not in before:
                self._journal.write(Level.ERROR, "problem", **dataclasses.asdict(problem))
        for problem in sorted(before - self._problems, key=str):
            self._journal.write(Level.INFO, "solved", code=problem.code, task=problem.task, path=problem.path)

    def _write_warnings(self, warnings: Iterable[TaskWarning]) -> None:
        before, self._warnings = self._warnings, frozenset(warnings)
        for warning in dict.fromkeys(warnings):
            if warning not in before:
                self._journal.write(Level.WARNING, "warning", **dataclasses.asdict(warning))
