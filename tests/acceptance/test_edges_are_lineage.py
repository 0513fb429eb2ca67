"""Every edge of the graph was read out of a query, and is what the query needs: no more, no less.

Caught when planted: a required column that inference leaves out (the query then reads what nobody may read), one that
it adds (the query gives its rows without it), a view whose used columns are all of its columns, an edge that a builder
gets for a table that it only looked at, and a graph that is given edges by somebody else than a plan.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.acceptance.bare import Bare, Case, Table, faults
from tests.acceptance.code import callers
from tests.acceptance.conftest import together
from tests.acceptance.projects import MAKERS, cases_of, texts_over_views

from relspec.app.world import World
from relspec.core.graph import PRODUCES, REQUIRES


@pytest.fixture(params=MAKERS)
def world(worlds: dict[str, World], request: pytest.FixtureRequest) -> World:
    return worlds[request.param]


@pytest.fixture
def bare(world: World) -> Iterator[Bare]:
    opened = Bare(str(world.layout.views))
    yield opened
    opened.close()


@together
async def test_each_task_gives_its_table_from_what_it_requires_and_from_nothing_less(world: World, bare: Bare) -> None:
    cases = cases_of(world)
    assert {case.name for case in cases} == set(world.catalog.by_name)
    assert [fault for case in cases for fault in faults(bare, case)] == []
    assert [case.name for case in cases if world.plans[case.name].coarse is not None] == []


@together
async def test_what_is_required_of_a_view_is_what_a_text_reads_of_it(worlds: dict[str, World]) -> None:
    for name in ("example", "own"):
        world = worlds[name]
        opened = Bare(str(world.layout.views))
        cases = texts_over_views(world)
        found = [fault for case in cases for fault in faults(opened, case)]
        opened.close()
        assert cases
        assert found == []


@together
async def test_an_edge_into_a_view_leads_on_to_the_stored_tables_behind_it(world: World) -> None:
    for edge in world.graph.edges():
        if edge.requirement is None or not edge.inlined:
            continue
        view, used = world.view_plan(edge.dataset), {column.name for column in edge.requirement.columns}
        assert view is not None
        behind = {pair for column, pairs in view.lineage if column in used for pair in pairs}
        needs = world.plans[edge.task].deps.inputs
        assert behind <= {(need.dataset, column.name) for need in needs for column in need.columns}
        assert {need.dataset for need in view.deps.inputs} <= {need.dataset for need in needs}


@together
async def test_the_graph_has_the_edges_of_the_plans_and_no_others(world: World) -> None:
    edges = world.graph.edges()
    requires = {(e.task, e.requirement, e.inlined) for e in edges if e.kind == REQUIRES}
    deps = [(plan.task, plan.deps) for plan in world.plans.values()]
    inferred = {(task, need, False) for task, d in deps for need in d.inputs}
    assert requires == inferred | {(task, need, True) for task, d in deps for need in d.views}
    produces = {(e.task, e.dataset) for e in edges if e.kind == PRODUCES}
    assert produces == {(plan.task, plan.output) for plan in world.plans.values()}


@together
async def test_a_table_that_a_builder_only_looked_at_has_no_edge(worlds: dict[str, World]) -> None:
    world = worlds["odd"]
    assert {name for name, _ in world.records["labelled"].asked} == {"orders", "rates"}
    assert [need.dataset for need in world.plans["labelled"].deps.inputs] == ["orders"]


@together
async def test_a_requirement_without_columns_is_the_number_of_rows(worlds: dict[str, World]) -> None:
    world = worlds["odd"]
    without = {(p.task, n.dataset) for p in world.plans.values() for n in p.deps.inputs if not n.columns}
    assert without == {("counted", "orders"), ("paired", "rates")}


@together
async def test_a_requirement_that_is_wrong_is_found(worlds: dict[str, World]) -> None:
    """Neither a column too few nor one too many passes, nor a table that nothing is read of."""
    world = worlds["example"]
    opened = Bare(str(world.layout.views))
    (case,) = (case for case in cases_of(world) if case.name == "carrier_podium")
    ((name, table),) = case.tables.items()
    few, many = _requiring(case, name, {"airline"}), _requiring(case, name, {*table.required, "flights"})
    idle = replace(case, tables=case.tables | {"idle": Table("range(3)", (), frozenset())}, judged=frozenset({"idle"}))
    found = [faults(opened, wrong) for wrong in (few, many, idle)]
    opened.close()
    assert len(found[0]) == 1
    assert "nobody requires carrier_ranking.place" in found[0][0]
    assert found[1] == [
        "carrier_podium without carrier_ranking.flights: same",
        "carrier_podium does not read carrier_ranking.flights: same",
    ]
    assert found[2] == ["carrier_podium without idle: same", "carrier_podium does not count idle"]


def _requiring(case: Case, name: str, columns: set[str]) -> Case:
    return replace(case, tables={name: replace(case.tables[name], required=frozenset(columns))})


def test_only_inference_says_what_a_task_requires() -> None:
    """`compile_task` adds the metadata that a builder read, `circles` leaves edges out, `store` gives back what was."""
    assert callers("Requirement") == _paths("app/compile_task.py", "edges/engine/analyse.py", "edges/store/read.py")
    assert callers("InferredDeps") == _paths("app/circles.py", "app/compile_task.py", "edges/store/read.py")
    assert callers("world.graph.put") | callers("self.graph.put") == _paths("app/circles.py", "app/world.py")


def _paths(*names: str) -> set[str]:
    return {f"relspec/{name}" for name in names}
