"""What of a daemon's life is written down, and when."""

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from relspec.app.told import Told
from relspec.core.layout import Layout
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
from relspec.edges.journal import Journal
from relspec.edges.supervisor import Supervisor

AMOUT = Problem(Code.UNKNOWN_COLUMN, "daily", "tasks/daily.sql", 1, 8, "no column 'amout'", None)
CLOCK = TaskWarning(WarningCode.CLOCK, "daily", "tasks/daily.sql", 1, 8, "now()", "none")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.log.mkdir(parents=True)
    return layout


def written(layout: Layout) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (layout.log / "daemon.jsonl").read_text().splitlines()]


def ready(revision: int, problems: int) -> AllReady:
    return AllReady(revision, 1, 0, 2, 0, 0, problems, 12.5)


def test_each_thing_is_written_once_and_all_of_it_is_told(layout: Layout) -> None:
    heard: list[Progress] = []
    told = Told(heard.append, Journal(layout), Supervisor(None, None))
    told.began(layout)
    events = [
        ChangeDetected(tuple(f"tasks/{n}.sql" for n in range(60))),
        TaskStarted("daily"),
        TaskEnded("daily", Action.EXECUTED, 5.0, "its plan moved"),
        TaskEnded("total", Action.CUT_OFF, 0.0, ""),
        ProblemsFound((AMOUT,)),
        WarningsFound((CLOCK,)),
        ready(1, 1),
        ProblemsFound((AMOUT,)),
        WarningsFound((CLOCK,)),
        ready(2, 1),
        ready(3, 0),
        Freed(3, 8113),
        SetAside("/p/state/relspec.sqlite.corrupt-1", "rows of plan are not what was written"),
    ]
    for event in events:
        told(event)
    told.ended("asked to")
    assert heard == events
    lines = written(layout)
    assert [line["event"] for line in lines] == [
        *("start", "changed", "task", "problem", "warning", "ready", "ready", "solved", "ready", "freed"),
        *("set-aside", "stop"),
    ]
    facts = {line["event"]: line for line in lines}
    assert (facts["changed"]["n"], len(facts["changed"]["paths"])) == (60, 50)
    assert (facts["problem"]["code"], facts["problem"]["level"], facts["problem"]["line"]) == (
        "unknown-column",
        "error",
        1,
    )
    assert (facts["warning"]["code"], facts["warning"]["level"]) == ("clock", "warning")
    assert {facts["ready"][key] for key in ("revision", "executed", "cut_off")} == {3, 1, 2}
    assert (facts["task"]["action"], facts["task"]["ms"], facts["task"]["because"]) == (
        "executed",
        5.0,
        "its plan moved",
    )


def test_a_start_that_found_another_owner_writes_nothing_into_its_log(layout: Layout) -> None:
    told = Told(lambda _: None, Journal(layout), Supervisor(None, None))
    told.ended("failed", ValueError("x"))
    assert list(layout.log.iterdir()) == []
    told.began(layout)
    told.ended("failed", ValueError("x"))
    assert (written(layout)[1]["error"], written(layout)[1]["level"]) == ("ValueError: x", "error")


def test_a_state_that_is_begun_anew_tells_its_problems_again(layout: Layout) -> None:
    told = Told(lambda _: None, Journal(layout), Supervisor(None, None))
    told(ProblemsFound((AMOUT,)))
    (layout.log / "daemon.jsonl").unlink()
    told.lost("it was deleted")
    assert list(layout.log.iterdir()) == [], "the log of what is lost went with it"
    told.began(layout)
    told(ProblemsFound((AMOUT,)))
    assert [line["event"] for line in written(layout)] == ["state-lost", "start", "problem"]


async def test_the_manager_hears_that_we_are_ready_live_and_end(layout: Layout, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address)
        told = Told(lambda _: None, Journal(layout), Supervisor(address, 0.03))
        async with told.supervised():
            assert listening.recv(100).decode() == f"READY=1\nMAINPID={os.getpid()}"
            told(ready(7, 2))
            assert listening.recv(100) == b"STATUS=revision 7, 2 problem(s)"
            for _ in range(3):
                assert await asyncio.to_thread(listening.recv, 100) == b"WATCHDOG=1"
        heard = []
        while not heard or heard[-1] != b"STOPPING=1":
            heard.append(listening.recv(100))
    assert set(heard) <= {b"WATCHDOG=1", b"STOPPING=1"}


async def test_a_manager_is_not_told_of_an_end_where_we_go_on(layout: Layout, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address)
        listening.setblocking(False)
        told = Told(lambda _: None, Journal(layout), Supervisor(address, None))
        with pytest.raises(ZeroDivisionError):
            async with told.supervised():
                raise ZeroDivisionError
        assert listening.recv(100).startswith(b"READY=1")
        with pytest.raises(BlockingIOError):
            listening.recv(100)
