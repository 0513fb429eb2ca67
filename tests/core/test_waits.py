"""Who waits in a circle."""

from relspec.core.waits import cycles


def test_tasks_that_wait_for_each_other_are_named_in_walking_order() -> None:
    assert cycles({"c": {"a"}, "a": {"b"}, "b": {"c"}}) == (("a", "b", "c"),)


def test_waiting_for_a_circle_is_not_being_part_of_it() -> None:
    assert cycles({"a": {"b"}, "b": {"a"}, "reader": {"a"}}) == (("a", "b"),)


def test_waiting_for_oneself_is_a_circle_of_one() -> None:
    assert cycles({"a": {"a"}, "b": {"a"}}) == (("a",),)


def test_a_line_is_no_circle() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": set()}) == ()
