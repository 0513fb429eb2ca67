"""The bipartite graph: edges from requirements, cones, generations, cycles named in full."""

import pytest

from relspec.core.graph import TaskGraph
from relspec.core.plan import InferredDeps, Requirement
from relspec.core.schedule import schedule
from relspec.core.schema import Column


def needs(*datasets: str, views: tuple[str, ...] = ()) -> InferredDeps:
    column = (Column("x", "INTEGER"),)
    return InferredDeps(tuple(Requirement(d, column) for d in datasets), tuple(Requirement(v, column) for v in views))


@pytest.fixture
def diamond() -> TaskGraph:
    graph = TaskGraph()
    graph.put("top", "top", needs("source"))
    graph.put("left", "left", needs("top"))
    graph.put("right", "right", needs("top"))
    graph.put("bottom", "bottom", needs("left", "right"))
    return graph


def test_the_cone_of_a_dataset_is_everything_below_it_and_nothing_above(diamond: TaskGraph) -> None:
    assert diamond.cone([], ["source"]) == {"top", "left", "right", "bottom"}
    assert diamond.cone(["left"], []) == {"left", "bottom"}
    assert diamond.cone([], ["right"]) == {"bottom"}


def test_generations_count_only_within_the_given_tasks(diamond: TaskGraph) -> None:
    assert diamond.generations(frozenset({"left", "right", "bottom"})) == {"left": 0, "right": 0, "bottom": 1}


def test_a_schedule_goes_by_priority_then_what_lies_below_then_name(diamond: TaskGraph) -> None:
    cone = diamond.cone([], ["source"])
    assert schedule(diamond, cone, {}, {}) == ("top", "left", "right", "bottom")
    assert schedule(diamond, cone, {"right": -1}, {}) == ("right", "top", "left", "bottom")
    # Times of a few milliseconds differ from one run to the next.
    assert schedule(diamond, cone, {}, {"left": 1, "right": 9}) == ("top", "left", "right", "bottom")
    assert schedule(diamond, cone, {}, {"left": 10, "right": 50}) == ("top", "right", "left", "bottom")
    assert schedule(diamond, frozenset({"left", "right"}), {}, {"bottom": 50}) == ("left", "right")


def test_what_a_long_way_waits_for_is_scheduled_before_a_longer_task(diamond: TaskGraph) -> None:
    diamond.put("alone", "alone", needs("source"))
    tasks = frozenset({"top", "left", "right", "bottom", "alone"})
    assert schedule(diamond, tasks, {}, {"alone": 70, "bottom": 70}) == ("top", "left", "right", "alone", "bottom")
    assert schedule(diamond, tasks, {}, {"alone": 90, "bottom": 60})[0] == "alone"


def test_what_is_above_a_task_is_asked_anew_after_each_edit(diamond: TaskGraph) -> None:
    assert diamond.upstream("bottom") == ("left", "right")
    diamond.remove("left")
    assert diamond.upstream("bottom") == ("right",)
    diamond.put("other", "left", needs("source"))
    assert diamond.upstream("bottom") == ("other", "right")
    diamond.put("bottom", "bottom", needs("top"))
    assert diamond.upstream("bottom") == ("top",)


def test_an_edge_that_would_close_a_cycle_is_refused_and_the_cycle_named_in_full(diamond: TaskGraph) -> None:
    cycle = diamond.put("top", "top", needs("bottom"))
    assert cycle in {("top", "left", "bottom"), ("top", "right", "bottom")}
    assert diamond.upstream("top") == ()
    assert diamond.put("top", "top", needs("source")) == ()
    assert diamond.cone([], ["source"]) == {"top", "left", "right", "bottom"}


BOTTOM, RIGHT = ("bottom", "bottom", needs("left", "right")), ("right", "right", needs("top"))


@pytest.mark.parametrize("around", [(), ("self",), ("left", "right")])
def test_a_graph_that_is_filled_is_as_if_each_task_was_put(around: tuple[str, ...]) -> None:
    others = [(task, task, needs("bottom", "self")) for task in around]
    tasks = [BOTTOM, ("self", "self", needs("top")), RIGHT, *others]
    filled, put = TaskGraph(), TaskGraph()
    refused = {task for task, output, deps in tasks if put.put(task, output, deps)}
    assert filled.fill(tasks) == refused == set(around)
    assert filled.signature() == put.signature()


def test_a_task_that_reads_its_own_output_is_a_cycle_of_one() -> None:
    assert TaskGraph().put("self", "self", needs("self")) == ("self",)


def test_views_shape_the_graph_but_are_no_stored_requirements() -> None:
    graph = TaskGraph()
    graph.put("view", "view", needs("source"))
    graph.put("reader", "reader", needs("source", views=("view",)))
    assert graph.upstream("reader") == ("view",)
    assert graph.requirements("view") == ()
    assert [need.dataset for need in graph.requirements("source")] == ["source", "source"]
    assert graph.readers("view") == ("reader",)


def test_datasets_are_known_without_regard_to_case() -> None:
    graph = TaskGraph()
    graph.put("a", "Orders", needs("raw"))
    graph.put("b", "b", needs("ORDERS"))
    assert graph.upstream("b") == ("a",)


def test_removing_a_task_leaves_its_readers_and_forgets_what_nothing_mentions(diamond: TaskGraph) -> None:
    diamond.remove("top")
    assert diamond.datasets() == ("bottom", "left", "right", "top")
    assert diamond.cone([], ["top"]) == {"left", "right", "bottom"}


def test_indices_that_are_reused_do_not_mix_tasks_up(diamond: TaskGraph) -> None:
    diamond.remove("left")
    diamond.put("other", "other", needs("source"))
    assert diamond.upstream("bottom") == ("right",)
    assert diamond.cone([], ["source"]) == {"top", "right", "bottom", "other"}


def test_the_signature_does_not_depend_on_the_order_of_edits(diamond: TaskGraph) -> None:
    again = TaskGraph()
    again.put("bottom", "bottom", needs("right", "left"))
    again.put("right", "right", needs("top"))
    again.put("top", "top", needs("source"))
    again.put("left", "left", needs("top"))
    assert again.signature() == diamond.signature()
    again.put("left", "left", needs("top", "source"))
    assert again.signature() != diamond.signature()


def test_what_a_task_needs_is_found_all_the_way_up(diamond: TaskGraph) -> None:
    assert diamond.with_upstream(["left"]) == {"left", "top"}
