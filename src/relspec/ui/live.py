"""The daemon on a terminal: what runs and for how long, what ended last, the problems that hold, the last `ready`.

`Screen` is a value and `advance` is pure: an event makes the next screen. `LiveView` draws the newest one some times a
second from a thread of its own; because a screen is replaced whole and never changed, that thread needs no lock.
The terminal's width and height are asked for at each drawing, so a resize is simply the next drawing.
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, assert_never

import msgspec
from msgspec.structs import replace
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

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
from relspec.ui.lines import aside_line, changed_line, ready_line
from relspec.ui.render.page import Page, SourceLine
from relspec.ui.render.problems import document_of, problem_lines
from relspec.ui.render.text import clip, counted, duration, escape, pad

ENDED_MAX = 8
RUNNING_MAX = 6
DRAWS_PER_S = 8
#: While nothing runs, so often the terminal's size is looked at.
LOOK_S = 1.0

_STYLES = {
    Action.EXECUTED: "green",
    Action.RESTORED: "cyan",
    Action.CUT_OFF: "dim",
    Action.BLOCKED: "yellow",
    Action.FAILED: "red",
}

Clock = Callable[[], float]


class Screen(msgspec.Struct, frozen=True):
    """What is known at one moment. `running` are tasks with the second at which they began, oldest first."""

    changed: ChangeDetected | None = None
    running: tuple[tuple[str, float], ...] = ()
    ended: tuple[TaskEnded, ...] = ()
    problems: tuple[Problem, ...] = ()
    n_warnings: int = 0
    ready: AllReady | None = None
    aside: SetAside | None = None


def advance(screen: Screen, event: Progress, now: float) -> Screen:  # noqa: PLR0911 one line an event
    """Take in one event."""
    match event:
        case ChangeDetected():
            return replace(screen, changed=event, ended=(), aside=None)
        case TaskStarted(task):
            return replace(screen, running=(*_without(screen, task), (task, now)))
        case TaskEnded(task):
            return replace(screen, running=_without(screen, task), ended=(*screen.ended, event)[-ENDED_MAX:])
        case ProblemsFound(problems):
            return replace(screen, problems=problems)
        case WarningsFound(warnings):
            return replace(screen, n_warnings=len(warnings))
        case AllReady():
            # Runs without problems need not say so: the number in `ready` is the newest word on them.
            problems = screen.problems if event.problems else ()
            return replace(screen, running=(), problems=problems, ready=event)
        case Freed():
            return screen
        case SetAside():
            return replace(screen, aside=event)
        case _:
            assert_never(event)


def _without(screen: Screen, task: str) -> tuple[tuple[str, float], ...]:
    return tuple(entry for entry in screen.running if entry[0] != task)


def draw(screen: Screen, now: float, size: tuple[int, int], source: SourceLine) -> Text:
    """Draw the screen on (width, height) cells; what matters least goes first where it gets tight."""
    width, height = size
    tail = [*([] if screen.aside is None else [Text(aside_line(screen.aside), "yellow")]), _tail(screen)]
    running = [_running(task, now - since) for task, since in screen.running[:RUNNING_MAX]]
    if len(screen.running) > RUNNING_MAX:
        running.append(Text(f"  and {len(screen.running) - RUNNING_MAX} more", style="dim"))
    problems = _problems(screen, max(height - len(running) - len(tail) - 1, 1), width, source)
    room = max(height - len(running) - len(problems) - len(tail) - 1, 0)
    ended = [_ended(event) for event in screen.ended[len(screen.ended) - min(room, len(screen.ended)) :]]
    lines = [*problems, *ended, *running, *tail][-max(height - 1, 1) :]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Text("\n").join(lines)


def _running(task: str, seconds: float) -> Text:
    return Text.assemble((pad("running", 9), "blue"), escape(task), (f"  {max(seconds, 0):.1f} s", "dim"))


def _ended(event: TaskEnded) -> Text:
    took = f"  {duration(event.ms)}" if event.action is Action.EXECUTED else ""
    word = event.action.value.replace("_", " ")
    because = f"  {escape(event.because)}" if event.because else ""
    return Text.assemble((pad(word, 9), _STYLES[event.action]), escape(event.task), (took + because, "dim"))


def _problems(screen: Screen, room: int, width: int, source: SourceLine) -> list[Text]:
    page = Page(width, True, source)
    lines = [Text.from_ansi(line) for p in screen.problems for line in problem_lines([document_of(p)], page)]
    if len(lines) <= room:
        return lines
    return [*lines[: room - 1], Text(f"… {len(screen.problems)} problem(s) in all", style="red")]


def _tail(screen: Screen) -> Text:
    """Say how the last run ended, or what started the one that goes on."""
    if screen.ready is not None and not screen.running:
        more = f", {counted(screen.n_warnings, 'warning')} (relspec-watch check)" if screen.n_warnings else ""
        return Text(ready_line(screen.ready) + more, style="red" if screen.problems else "green")
    if screen.changed is not None:
        return Text(clip(changed_line(screen.changed.paths), 200), style="dim")
    return Text("relspec-watch: building", style="dim")


class LiveView:
    """A listener that keeps the lower part of a terminal current; a context that leaves the terminal as it was.

    While nothing runs it is drawn after an event and after a resize alone, so that an idle daemon stays idle.
    """

    def __init__(self, console: Console, source: SourceLine, clock: Clock = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._screen = Screen()
        self._console = console
        self._live = Live(self, console=console, auto_refresh=False, redirect_stderr=True)
        self._moved = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw_on, name="live view", daemon=True)

    def __enter__(self) -> Self:
        self._live.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._moved.set()
        self._thread.join()
        self._live.stop()

    def __call__(self, event: Progress) -> None:
        """Take in one event; what it changed is seen at the next drawing."""
        self._screen = advance(self._screen, event, self._clock())
        self._moved.set()

    def let_go(self) -> None:
        """Give the cursor back at once."""
        self._console.file.write("\x1b[?25h\n")
        self._console.file.flush()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw for rich, in the size that the terminal has now."""
        yield draw(self._screen, self._clock(), (options.max_width, console.size.height), self._source)

    def _draw_on(self) -> None:
        size = self._console.size
        while not self._over.is_set():
            moved = self._moved.wait(0 if self._screen.running else LOOK_S)
            self._moved.clear()
            if moved or self._screen.running or self._console.size != size:
                size = self._console.size
                self._live.refresh()
                self._over.wait(1 / DRAWS_PER_S)
