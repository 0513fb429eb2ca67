"""What executes follows from the edges' requirements alone: columns, types and metadata of what a task reads.

Caught when planted: an edge digest over all columns, one that the bytes of a part or its path enter, a reader that
executes because what it reads was made anew, types that are not compared, and metadata that is left out of a
requirement.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.acceptance.conftest import together
from tests.acceptance.shop import REQUIRED, ROWS, SAME_RESULT, SHOP, UNIT, UNREQUIRED, Move
from tests.scenarios.harness import write

from relspec.app.documents import Document, build_document
from relspec.app.why import why_document
from relspec.app.workspace import Workspace
from relspec.core.plan import Requirement


@asynccontextmanager
async def _moved(shop: Workspace, files: dict[str, str | None]) -> AsyncIterator[Document]:
    """Move something and build. Afterwards it is undone: it is all known, so nothing executes."""
    document = await _built(shop, files)
    try:
        yield document
    finally:
        document = await _built(shop, {name: SHOP.get(name) for name in files})
        assert _done(document) == ([], [])
        assert {status.state for status in shop.world.statuses.values()} == {"fresh"}


async def _built(shop: Workspace, files: dict[str, str | None]) -> Document:
    write(shop.world.layout.root, files)
    changes = await shop.look_all()
    assert changes.paths, "nothing was moved"
    report = await shop.build(changes)
    return build_document(shop.world, [report.record], report.problems, None)


def _done(document: Document) -> tuple[list[str], list[str]]:
    return document["executed"], sorted(document["blocked"] + document["failed"])


@together
@pytest.mark.parametrize("what", UNREQUIRED)
async def test_what_no_edge_requires_executes_nothing(shop: Workspace, what: str) -> None:
    async with _moved(shop, UNREQUIRED[what]) as document:
        assert (*_done(document), document["problems"]) == ([], [], [])


@together
@pytest.mark.parametrize("what", SAME_RESULT)
async def test_another_task_above_with_the_same_result_executes_alone(shop: Workspace, what: str) -> None:
    async with _moved(shop, SAME_RESULT[what]) as document:
        assert _done(document) == (["daily"], [])
        assert set(document["cut_off"]) >= {"days", "top"}


@together
@pytest.mark.parametrize("what", REQUIRED)
async def test_what_an_edge_requires_executes_or_blocks_its_readers(shop: Workspace, what: str) -> None:
    move = REQUIRED[what]
    readers = _readers(shop, move)
    async with _moved(shop, move.files) as document:
        assert _done(document) == (move.executed, move.blocked)
        reached = {*move.executed, *move.blocked}
        below = shop.world.graph.cone(readers, ())
        above = {spec.name for spec in [shop.world.producer(move.dataset)] if spec is not None}
        assert readers <= reached <= readers | below | above
        assert [task for task in sorted(readers) if not _is_named(shop, task, move)] == []


def _readers(shop: Workspace, move: Move) -> set[str]:
    """Who requires what moves, by the graph as it is before."""
    needs = [(edge.task, edge.requirement) for edge in shop.world.graph.edges() if edge.dataset == move.dataset]
    return {task for task, need in needs if need is not None and (move.part == ROWS or move.part in _parts(need))}


def _parts(need: Requirement) -> set[str]:
    return {column.name for column in need.columns} | {key for key, _ in need.metadata}


def _is_named(shop: Workspace, task: str, move: Move) -> bool:
    """Whether `why` names the dataset, and of it what moved; columns of which one moved are named together."""
    why = why_document(shop.world, shop.store, task)
    named = move.part if move.part not in {ROWS, UNIT} else ""
    return any(move.dataset in reason["because"] and named in str(reason) for reason in why["reasons"])


@together
async def test_every_requirement_is_moved(shop: Workspace) -> None:
    """Else the tests above say nothing of it."""
    edges = [(edge.dataset, edge.requirement) for edge in shop.world.graph.edges()]
    required = {(dataset, part) for dataset, need in edges if need is not None for part in _parts(need)}
    assert required == {(move.dataset, move.part) for move in REQUIRED.values()} - {("orders", ROWS)}
