"""Who waits in a circle."""

from relspec.core.waits import circles


def test_tasks_that_wait_for_each_other_are_named_in_walking_order() -> None:
    found = circles({"c": {"a"}, "a": {"b"}, "b": {"c"}})
    assert found == {"a": ("a", "b", "c"), "b": ("b", "c", "a"), "c": ("c", "a", "b")}


def test_waiting_for_a_circle_is_not_being_part_of_it() -> None:
    assert circles({"a": {"b"}, "b": {"a"}, "reader": {"a"}}) == {"a": ("a", "b"), "b": ("b", "a")}


def test_each_task_of_circles_that_touch_is_told_of_one_through_it() -> None:
    found = circles({"a": {"b"}, "b": {"a", "c"}, "c": {"b"}})
    assert found == {"a": ("a", "b"), "b": ("b", "a"), "c": ("c", "b")}


def test_waiting_for_oneself_is_a_circle_of_one() -> None:
    assert circles({"a": {"a"}, "b": {"a"}}) == {"a": ("a",)}


def test_a_line_is_no_circle() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == {}
