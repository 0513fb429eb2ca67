"""The live view, drawn on paper: what a screen shows after which events, and what is left of the terminal."""

import contextlib
import io
import threading
import time
from collections.abc import Iterator

import pytest
from rich.console import Console

from relspec.core.problem import Code, Problem
from relspec.core.progress import (
    Action,
    AllReady,
    ChangeDetected,
    ProblemsFound,
    Progress,
    TaskEnded,
    TaskStarted,
    WarningsFound,
)
from relspec.core.warning import TaskWarning, WarningCode
from relspec.ui.live import DRAWS_PER_S, LiveView, Screen, advance, draw

AMOUT = Problem(Code.UNKNOWN_COLUMN, "daily", "tasks/daily.sql", 1, 8, "no column 'amout'", "did you mean 'amount'?")
READY = AllReady(7, 1, 0, 1, 0, 0, 0, 12.0)
READY_LINE = "relspec-watch: ready: revision 7, 1 executed, 0 restored, 1 cut off, 0 problem(s) in 12 ms"


def screen(*events: Progress) -> Screen:
    """Take in events, one a second."""
    now = Screen()
    for second, event in enumerate(events):
        now = advance(now, event, float(second))
    return now


def drawn(shown: Screen, now: float = 10.0, size: tuple[int, int] = (100, 24)) -> list[str]:
    return draw(shown, now, size, lambda *_: "select amout").plain.split("\n")


def test_what_runs_is_shown_with_its_time_and_what_ended_above_it() -> None:
    shown = screen(
        ChangeDetected(("tasks/a.sql",)),
        TaskStarted("daily"),
        TaskStarted("weekly"),
        TaskEnded("daily", Action.EXECUTED, 5.4, "its query changed"),
        TaskEnded("top", Action.CUT_OFF, 0, ""),
    )
    assert drawn(shown) == [
        "executed daily  5 ms  its query changed",
        "cut off  top",
        "running  weekly  8.0 s",
        "relspec-watch: change detected: 1 file(s): tasks/a.sql",
    ]


def test_problems_stay_until_a_run_without_them() -> None:
    found = screen(ProblemsFound((AMOUT,)), AllReady(7, 1, 0, 1, 0, 0, 1, 12.0))
    assert drawn(found) == [
        "tasks/daily.sql:1:8: error unknown-column: no column 'amout'",
        "    1 | select amout",
        "      |        ^",
        "  hint: did you mean 'amount'?",
        READY_LINE.replace("0 problem", "1 problem"),
    ]
    assert drawn(advance(found, READY, 3.0)) == [READY_LINE]


def test_warnings_are_counted_behind_the_last_run() -> None:
    sums = TaskWarning(WarningCode.FLOAT_SUM, "daily", "tasks/daily.sql", 1, 8, "sums floats", "cast them")
    shown = drawn(screen(WarningsFound((sums,)), READY), size=(200, 24))
    assert shown == [f"{READY_LINE}, 1 warning (relspec-watch check)"]


def test_before_the_first_event_it_says_that_it_builds() -> None:
    assert drawn(Screen()) == ["relspec-watch: building"]


@pytest.mark.parametrize("height", [1, 2, 3, 5, 8, 24])
@pytest.mark.parametrize("width", [5, 40, 200])
def test_a_small_terminal_is_never_overrun_and_keeps_the_last_line(width: int, height: int) -> None:
    started = [TaskStarted(f"task{n}") for n in range(20)]
    ended = [TaskEnded(f"e{n}", Action.EXECUTED, 1.0, "x" * 300) for n in range(20)]
    shown = screen(*started, *ended, ProblemsFound((AMOUT,) * 9), ChangeDetected(("a.sql",)))
    lines = drawn(shown, size=(width, height))
    assert len(lines) <= max(height - 1, 1)
    assert max(map(len, lines)) <= width
    assert lines[-1].startswith("rels")


def test_a_hostile_name_is_shown_escaped() -> None:
    shown = screen(TaskStarted("a\x1b[2J\n[bold]b"), TaskEnded("c\x07", Action.FAILED, 0, "d\x9b"))
    assert drawn(shown)[:2] == ["failed   c\\x07  d\\x9b", "running  a\\x1b[2J\\n[bold]b  10.0 s"]


def test_the_view_draws_events_and_gives_the_terminal_back() -> None:
    paper = io.StringIO()
    console = Console(file=paper, force_terminal=True, width=100, height=24, color_system=None, legacy_windows=False)
    ticks: Iterator[float] = iter(range(1000))
    with (
        contextlib.suppress(ZeroDivisionError),
        LiveView(console, lambda *_: None, lambda: float(next(ticks))) as view,
    ):
        view(ChangeDetected(("tasks/a.sql",)))
        view(READY)
        raise ZeroDivisionError
    seen = paper.getvalue()
    hidden, shown_again = "\x1b[?25l", "\x1b[?25h"
    assert seen.index(hidden) < seen.index(READY_LINE) < seen.index(shown_again)
    assert seen.count(hidden) == seen.count(shown_again)


def test_while_nothing_runs_nothing_is_drawn() -> None:
    paper = io.StringIO()
    console = Console(file=paper, force_terminal=True, width=100, height=24, color_system=None, legacy_windows=False)
    drawn_at: list[float] = []

    def clock() -> float:
        drawn_at.append(0.0)
        return 0.0

    with LiveView(console, lambda *_: None, clock) as view:
        view(READY)
        deadline = time.monotonic() + 5
        while READY_LINE not in paper.getvalue() and time.monotonic() < deadline:
            time.sleep(0.001)
        n_drawn = len(drawn_at)
        threading.Event().wait(4 / DRAWS_PER_S)
        assert len(drawn_at) == n_drawn
        view(TaskStarted("a"))
        while len(drawn_at) < n_drawn + 4 and time.monotonic() < deadline:
            time.sleep(0.001)
    assert len(drawn_at) >= n_drawn + 4


def test_a_resize_is_followed_by_the_next_drawing() -> None:
    paper = io.StringIO()
    console = Console(file=paper, force_terminal=True, width=100, height=24, color_system=None, legacy_windows=False)
    view = LiveView(console, lambda *_: None, lambda: 0.0)
    view(READY)
    console.print(view)
    console.width = 20
    console.print(view)
    assert paper.getvalue() == f"{READY_LINE}\n{READY_LINE[:19]}…\n"
