"""The trace of a daemon: what a viewer finds in the file, and a real daemon that writes one."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from tests.life.living import make_project, run

from relspec.core.errors import StateError
from relspec.edges.trace import TraceFile


def spans(path: Path) -> list[dict[str, Any]]:
    """The spans of a trace, also of one that is still written; the first line opens the array, which stays open."""
    first, *lines = path.read_text().splitlines()
    assert first == "["
    events = json.loads(f"[{''.join(lines).rstrip(',')}]")
    assert events[0] == {
        "name": "process_name",
        "ph": "M",
        "pid": events[0]["pid"],
        "args": {"name": "relspec-watch"},
    }
    assert {event["ph"] for event in events[1:]} <= {"X"}
    return events[1:]


def test_a_step_lies_inside_of_the_one_around_it_and_is_told_also_where_it_fails(tmp_path: Path) -> None:
    with TraceFile(tmp_path / "trace") as trace:
        with pytest.raises(ZeroDivisionError), trace.span("build"), trace.span("run", "of one"):
            raise ZeroDivisionError
        # The outermost step is over: it is in the file though the trace goes on.
        inner, outer = spans(tmp_path / "trace")
    assert (inner["name"], inner["args"], outer["name"]) == ("run", {"about": "of one"}, "build")
    assert outer["ts"] <= inner["ts"]
    assert inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"]
    assert (inner["tid"], outer["tid"]) == (0, 0)


def test_what_goes_on_beside_has_a_row_of_its_own_as_long_as_it_lasts(tmp_path: Path) -> None:
    with TraceFile(tmp_path / "trace") as trace:
        first, second, third = trace.beside("execute", "a"), trace.beside("execute", "b"), trace.beside("execute", "c")
        with first:
            with second:
                pass
            with third:
                pass
    assert [(e["args"]["about"], e["tid"]) for e in spans(tmp_path / "trace")] == [("b", 2), ("c", 2), ("a", 1)]


def test_a_wait_is_a_span_that_ends_now(tmp_path: Path) -> None:
    since = time.monotonic() - 1
    with TraceFile(tmp_path / "trace") as trace:
        trace.waited("settle", since)
    (wait,) = spans(tmp_path / "trace")
    assert wait["ts"] == pytest.approx(since * 1e6)
    assert wait["dur"] >= 1e6


def test_a_trace_that_cannot_be_made_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"the trace cannot be written to .*nowhere/trace: No such file"):
        TraceFile(tmp_path / "nowhere" / "trace")


def test_a_full_disk_ends_the_trace_and_nothing_else() -> None:
    with TraceFile(Path("/dev/full")) as trace:
        for _ in range(3):
            with trace.span("build"):
                pass
        assert trace._file.closed


def test_a_daemon_writes_where_the_time_of_a_build_goes(tmp_path: Path) -> None:
    root, trace = make_project(tmp_path / "project"), tmp_path / "trace"
    assert run(root, "daemon", "--detach", "--trace", str(trace))[0] == 0
    try:
        assert run(root, "build")[1]["ok"]
        (root / "tasks" / "total.sql").write_text("select sum(amount) + 1 as total from orders\n")
        assert run(root, "build")[1]["executed"] == ["total"]
    finally:
        run(root, "stop")
    builds = [e for e in spans(trace) if e["name"] == "build"]
    last = [e for e in spans(trace) if builds[-1]["ts"] <= e["ts"] <= builds[-1]["ts"] + builds[-1]["dur"]]
    daemon = [e["name"] for e in last if e["tid"] == 0]
    assert daemon == ["load", "take in", "extract", "compile", "run", "commit", "publish", "build"]
    beside = [(e["name"], e.get("args")) for e in last if e["tid"] > 0]
    assert beside == [("analyse", {"about": "total"}), ("execute", {"about": "total"}), ("publish views", None)]
    assert [e["name"] for e in spans(trace) if e["ts"] < builds[-1]["ts"]][-2:] == ["settle", "look"]
