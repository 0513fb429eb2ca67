"""The daemon's progress as lines: a literal list of events in, the literal log out."""

import io
import os
from typing import Any, TextIO, cast

from relspec.core.problem import Code, Problem
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
from relspec.core.warning import TaskWarning, WarningCode
from relspec.ui.lines import Lines
from relspec.ui.render.page import Page
from relspec.ui.spool import Spool

PAPER = Page(width=80, colour=False, source=lambda *_: None)
AMOUT = Problem(Code.UNKNOWN_COLUMN, "daily", "tasks/daily.sql", 1, 8, "no column 'amout'", "did you mean 'amount'?")
GONE = Problem(Code.UNKNOWN_DATASET, "top", "tasks/top.sql", 2, 6, "no dataset 'x'", None)


def told(*events: Progress) -> str:
    stream = io.StringIO()
    lines = Lines(stream, PAPER)
    for event in events:
        lines(event)
    return stream.getvalue()


def ready(**changed: Any) -> AllReady:
    facts = {"executed": 1, "restored": 2, "cut_off": 3, "blocked": 4, "failed": 5, "problems": 0, "ms": 12.4}
    return AllReady(**{"revision": 7, **facts, **changed})


def test_what_was_freed_is_told() -> None:
    assert told(SetAside("/p/corrupt-1", "rows of plan")) == (
        "relspec-watch: warning: the database of the state was damaged (rows of plan); "
        "it lies in /p/corrupt-1 now, and all is built anew\n"
    )
    assert told(Freed(1, 2_100)) == "relspec-watch: freed 1 object (2.1 kB)\n"


def test_a_run_is_told_line_by_line() -> None:
    assert told(
        ChangeDetected(("tasks/a.sql", "tasks/b.sql")),
        TaskStarted("daily"),
        TaskEnded("daily", Action.EXECUTED, 5.4, "its query changed"),
        TaskEnded("top", Action.CUT_OFF, 0, ""),
        ready(),
    ) == (
        "relspec-watch: change detected: 2 file(s): tasks/a.sql, tasks/b.sql\n"
        "relspec-watch: running: daily\n"
        "relspec-watch: executed: daily in 5 ms (its query changed)\n"
        "relspec-watch: cut off: top\n"
        "relspec-watch: ready: revision 7, 1 executed, 2 restored, 3 cut off, 0 problem(s) in 12 ms\n"
    )


def test_many_files_are_counted_and_the_first_are_named() -> None:
    paths = tuple(f"t{n}.sql" for n in range(7))
    assert told(ChangeDetected(paths)) == (
        "relspec-watch: change detected: 7 file(s): t0.sql, t1.sql, t2.sql, t3.sql, t4.sql, …\n"
    )


def test_a_problem_is_told_once_a_run_before_ready_and_again_in_the_next() -> None:
    amout = "tasks/daily.sql:1:8: error unknown-column: no column 'amout'\n  hint: did you mean 'amount'?\n"
    gone = "tasks/top.sql:2:6: error unknown-dataset: no dataset 'x'\n"
    log = told(
        ProblemsFound((AMOUT,)),
        ProblemsFound((AMOUT, GONE, GONE)),
        ready(problems=2),
        ProblemsFound((GONE,)),
        ready(problems=1),
    )
    first = "relspec-watch: ready: revision 7, 1 executed, 2 restored, 3 cut off, 2 problem(s) in 12 ms\n"
    assert log == amout + gone + first + gone + first.replace("2 problem", "1 problem")


def test_a_warning_is_told_when_it_comes_and_not_with_every_run() -> None:
    sums = TaskWarning(WarningCode.FLOAT_SUM, "daily", "tasks/daily.sql", 1, 8, "sums floats", "cast them")
    text = "tasks/daily.sql:1:8: warning float-sum: sums floats\n  hint: cast them\n"
    told_twice = told(*[WarningsFound(found) for found in ((sums,), (sums,), (), (sums,))])
    assert told_twice == text + text


def test_a_hostile_name_stays_on_its_line() -> None:
    log = told(ChangeDetected(("a\n\x1b[2Jb",)), TaskStarted("c\x07"), TaskEnded("d\r", Action.FAILED, 0, "e\x9b"))
    assert log.splitlines() == [
        "relspec-watch: change detected: 1 file(s): a\\n\\x1b[2Jb",
        "relspec-watch: running: c\\x07",
        "relspec-watch: failed: d\\r (e\\x9b)",
    ]


def test_a_reader_that_leaves_does_not_end_the_daemon() -> None:
    reading, writing = os.pipe()
    with open(writing, "w") as stream, Spool(stream) as spool:
        lines = Lines(cast("TextIO", spool), PAPER)
        lines(ready())
        assert os.read(reading, 4096).startswith(b"relspec-watch: ready: ")
        os.close(reading)
        lines(ready())
        lines(ready())
