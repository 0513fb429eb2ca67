"""What `docs/lifecycle.md` shows of the example is what commands say of it, and the tests that it names are there.

Caught when planted: a column that is missing on the page, another sentence of `plan`, a test file that was renamed.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.conftest import together
from tests.scenarios.harness import Children, build

from relspec.app.documents import explain_document, graph_document, plan_document
from relspec.app.why import why_document
from relspec.app.workspace import open_workspace
from relspec.app.world import World

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "lifecycle.md").read_text()
TASK = "worst_routes"


def excerpts() -> list[dict[str, Any]]:
    blocks = re.findall(r"(?:^    .*\n)+", PAGE, flags=re.MULTILINE)
    return [json.loads(block) for block in blocks if block.startswith("    {")]


def test_there_are_three_excerpts() -> None:
    assert [sorted(excerpt) for excerpt in excerpts()] == [
        ["inputs", "lineage", "views"],
        ["columns", "kind", "metadata", "source", "target"],
        ["reason", "rule", "task"],
    ]


@together
async def test_explain_and_graph_say_what_the_page_says(worlds: dict[str, World]) -> None:
    shown, edge, _ = excerpts()
    explained = explain_document(worlds["example"], TASK)
    assert {key: explained[key] for key in shown} == shown
    edges = graph_document(worlds["example"], ())["edges"]
    assert edge in edges
    assert len([e for e in edges if e["target"] == f"task:{TASK}"]) == 3
    assert len(worlds["example"].plans["departures"].schema.columns) == 12


@together
async def test_plan_and_why_say_what_the_page_says(worlds: dict[str, World], children: Children) -> None:
    layout, (_, _, shown) = worlds["example"].layout, excerpts()
    path = layout.root / "tasks" / f"{TASK}.sql"
    text = path.read_text()
    with children.lent():
        async with open_workspace(layout, lambda _: None) as workspace:
            path.write_text(text.replace("limit 20", "limit 10"))
            compiled = await workspace.compile(await workspace.look_all())
            (planned,) = plan_document(workspace.world, await workspace.decide(compiled.cone), None)["execute"]
            await build(workspace)
            (first, *_) = why_document(workspace.world, workspace.store, TASK)["reasons"]
            path.write_text(text)
            assert (await build(workspace))["restored"] == [TASK]
    assert {key: planned[key] for key in shown} == shown
    assert first["because"] == shown["reason"]


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(tests/[\w/.]+)`", PAGE))))
def test_what_shows_a_claim_is_there(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:core|app|edges)/[\w/.]+)`", PAGE))))
def test_what_decides_is_there(name: str) -> None:
    assert (ROOT / "src" / "relspec" / name).exists()
