"""The lines of `status`: what they say, in which order, and that only those are made which say something else now."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from relspec.app import status
from relspec.app.answers import exit_code
from relspec.app.status import StatusLines, status_document
from relspec.app.world import World
from relspec.core.document import opened
from relspec.core.layout import Layout
from relspec.core.settings import Settings
from relspec.core.spec import Builder, CachePolicy, Kind, Language, TaskSpec
from relspec.core.state import Saved, TaskState, TaskStatus
from relspec.core.toolchain import Toolchain
from relspec.core.work import Loaded

B_LINE = {
    "name": "b",
    "output": "b_out",
    "kind": "materialization",
    "state": "fresh",
    "rows": 3,
    "fingerprint": "f",
    "executed_at": "1970-01-01T00:00:01.500+00:00",
    "ms": 1.235,
    "reason": "é",
}
NEW = {"state": "stale", "rows": None, "fingerprint": None, "executed_at": None, "ms": None, "reason": "not built yet"}


def spec(name: str, kind: Kind = Kind.MATERIALIZATION) -> TaskSpec:
    builder = Builder(Language.SQL, f"tasks/{name}.sql", None)
    return TaskSpec(name, f"{name}_out", kind, CachePolicy.PERSISTENT, 0, builder, 1)


def known(name: str, state: TaskState = TaskState.FRESH) -> TaskStatus:
    return TaskStatus(name, f"{name}_out", Kind.MATERIALIZATION, state, 3, "f", 1.5, 1.23456, "é")


def declare(world: World, *specs: TaskSpec) -> None:
    for path in {s.builder.path for s in (*specs, *world.catalog.by_name.values())}:
        tasks = tuple(s for s in specs if s.builder.path == path)
        world.put_module(path, Loaded(path, tasks, (), (), (), ()) if tasks else None)
    world.declare()


def settle(world: World, *statuses: TaskStatus) -> None:
    for found in statuses:
        world.put_status(found.name, found)


@pytest.fixture
def world() -> World:
    """Tasks `a`, `b` and `c`, of which `b` is built."""
    saved = Saved(1, 0, None, {}, {}, {}, {}, {}, {}, {})
    world = World(Layout(Path("/project")), Settings(), saved, Toolchain("engine", "compiler"))
    declare(world, spec("c"), spec("a"), spec("b"))
    settle(world, known("b"))
    return world


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks whose lines are made, in their order."""
    names: list[str] = []
    line = status._line

    def noted(spec: TaskSpec, *parts: Any) -> Any:
        names.append(spec.name)
        return line(spec, *parts)

    monkeypatch.setattr(status, "_line", noted)
    return names


def states(world: World, lines: StatusLines, *tasks: str) -> dict[str, str]:
    return {line["name"]: line["state"] for line in opened(status_document(world, 7, tasks, lines))["tasks"]}


def test_a_line_says_all_of_a_task_and_those_without_a_build_say_so(world: World) -> None:
    document = opened(status_document(world, 7, (), StatusLines()))
    a, c = ({"name": n, "output": f"{n}_out", "kind": "materialization", **NEW} for n in "ac")
    assert json.dumps(document) == json.dumps(
        {
            "daemon": {"running": True, "pid": 7},
            "revision": 1,
            "tasks": [a, B_LINE, c],
            "problems": [],
            "warnings": [],
        }
    )


def test_only_lines_that_say_something_else_are_made_anew(world: World, made: list[str]) -> None:
    lines = StatusLines()
    states(world, lines)
    states(world, lines, "b")
    assert sorted(made) == ["a", "b", "c"]
    made.clear()
    settle(world, known("c"), known("b"))
    world.running["a"] = 1.0
    states(world, lines)
    assert sorted(made) == ["a", "c"]


def test_whatever_moves_kept_lines_are_those_that_would_be_made(world: World) -> None:
    lines = StatusLines()

    def check(expected: dict[str, str]) -> None:
        assert states(world, lines) == expected
        kept, anew = (status_document(world, 7, (), each) for each in (lines, StatusLines()))
        assert (kept, exit_code(kept)) == (anew, exit_code(anew))

    check({"a": "stale", "b": "fresh", "c": "stale"})
    world.running["a"] = 1.0
    check({"a": "running", "b": "fresh", "c": "stale"})
    world.running.clear()
    settle(world, known("a"), known("c", TaskState.FAILED))
    check({"a": "fresh", "b": "fresh", "c": "failed"})
    world.pending |= {"a", "c", "gone"}
    check({"a": "stale", "b": "fresh", "c": "failed"})
    world.pending.clear()
    world.notes.outputs |= {"b_out", "gone"}
    check({"a": "fresh", "b": "stale", "c": "failed"})
    world.notes.outputs.clear()
    declare(world, spec("b"), replace(spec("a"), output="other", kind=Kind.VIEW))
    check({"a": "fresh", "b": "fresh"})
    declare(world, spec("b"), spec("aa"), spec("a"))
    world.put_status("b", None)
    check({"a": "fresh", "aa": "stale", "b": "stale"})


def test_named_tasks_are_shown_in_order_and_alone(world: World) -> None:
    assert list(states(world, StatusLines(), "c", "a")) == ["a", "c"]


@pytest.mark.parametrize("state", [TaskState.BLOCKED, TaskState.FAILED])
def test_the_exit_code_is_that_of_the_tasks_that_are_shown(world: World, state: TaskState) -> None:
    lines = StatusLines()
    settle(world, known("a", state))
    assert [exit_code(status_document(world, 7, tasks, lines)) for tasks in ((), ("a", "b"), ("b",))] == [1, 1, 0]
    settle(world, known("a"))
    assert exit_code(status_document(world, 7, (), lines)) == 0
