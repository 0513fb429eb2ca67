"""The line of tasks to compile: who may begin, who waits, and that each is looked at a few times only."""

from collections.abc import Iterator, Mapping

from relspec.app.line import Line


def line_of(needs: Mapping[str, str]) -> Line:
    return Line(needs, lambda task: needs[task].split())


def test_who_needs_nobody_in_line_begins_by_name_and_the_others_follow() -> None:
    line = line_of({"c": "a b", "b": "a", "a": "", "d": "elsewhere"})
    assert list(line.begin()) == ["a", "d"]
    assert (set(line.running), set(line.waiting)) == ({"a", "d"}, {"b", "c"})
    line.end("d")
    assert list(line.begin()) == []
    line.end("a")
    assert list(line.begin()) == ["b"]
    assert "b" in line
    line.end("b")
    assert list(line.begin()) == ["c"]
    line.end("c")
    assert "c" not in line


def test_no_more_are_taken_than_are_asked_for() -> None:
    line = line_of({"a": "", "b": "", "c": ""})
    assert next(line.begin()) == "a"
    assert list(line.begin()) == ["b", "c"]


def test_who_is_put_in_line_once_more_is_waited_for_again() -> None:
    line = line_of({"a": "", "b": "a"})
    assert list(line.begin()) == ["a"]
    line.end("a")
    line.add(["a"])
    assert list(line.begin()) == ["a"]
    line.end("a")
    assert list(line.begin()) == ["b"]


def test_what_a_task_needs_is_asked_again_when_it_comes_back() -> None:
    needs = {"a": "", "b": ""}
    line = line_of(needs)
    assert list(line.begin()) == ["a", "b"]
    needs["b"] = "a"
    line.end("b")
    line.add(["b"])
    assert list(line.begin()) == []
    line.end("a")
    assert list(line.begin()) == ["b"]


def test_a_task_does_not_wait_for_itself_and_those_in_a_circle_wait_until_they_leave() -> None:
    line = line_of({"own": "own", "a": "b", "b": "a", "c": "a"})
    assert list(line.begin()) == ["own"]
    line.end("own")
    assert list(line.begin()) == []
    assert set(line.waiting) == {"a", "b", "c"}
    line.leave(["a", "b"])
    assert list(line.begin()) == ["c"]


def test_a_chain_costs_two_looks_at_each() -> None:
    """Caught: a look at all who wait after each that was done, a hundred million for 10,000 tasks."""
    looks: list[str] = []

    def needs(task: str) -> Iterator[str]:
        looks.append(task)
        return iter([f"{int(task) - 1:04d}"] if task != "0000" else [])

    line = Line((f"{n:04d}" for n in reversed(range(1000))), needs)
    done = []
    while line.waiting:
        for task in line.begin():
            done.append(task)
            line.end(task)
    assert done == sorted(done)
    assert len(looks) < 3000
