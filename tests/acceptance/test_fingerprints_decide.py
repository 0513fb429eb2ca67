"""What is kept and what is told of a change hangs on fingerprints and edge digests, wherever they are made.

That equal fingerprints give equal rows is shown by `tests/equivalence`, what each edit executes by `tests/scenarios`,
and each sentence about a part that moved by `tests/core/test_diff.py`.

Caught when planted: a fingerprint that the project's folder enters, an edge digest that the path of a part enters,
parts that are hashed one after the other without a border, a plan that moved and of which nothing is said, and a dry
run that decides otherwise than the build.
"""

import itertools
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.acceptance.conftest import together
from tests.acceptance.shop import COLUMNS, DAILY, ORDERS, SHOP, TASKS, orders
from tests.app.conftest import Project
from tests.scenarios.harness import Children, build, write

from relspec.app.documents import plan_document
from relspec.app.why import why_document
from relspec.app.workspace import Workspace, open_workspace
from relspec.app.world import World
from relspec.core.decision import Basis
from relspec.core.digest import digest_of, task_key
from relspec.core.layout import Layout
from relspec.core.spec import Kind

NOTHING = {"recompiled": [], "executed": [], "restored": [], "cut_off": [], "problems": []}


async def _built(root: Path) -> Mapping[str, Basis]:
    """Build a project; what each of its tables rests on."""
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        assert (await build(workspace))["problems"] == []
        return {name: output.basis for name, output in workspace.world.outputs.items()}


@together
async def test_a_copy_in_another_folder_and_process_executes_nothing(tmp_path: Path, children: Children) -> None:
    one, other = tmp_path / "one", Project(tmp_path / "deeper" / "other")
    # Without Python among the tasks the other process has no loader to start.
    write(one, {name: text for name, text in SHOP.items() if not name.endswith(".py")})
    with children.lent():
        await _built(one)
    shutil.copytree(one, other.root)
    _, document = other.run("build")
    assert {key: document[key] for key in NOTHING} == NOTHING


@together
async def test_the_same_files_elsewhere_have_the_same_keys(tmp_path: Path, children: Children) -> None:
    write(tmp_path / "one", dict(SHOP))
    # The same again, in other files that were written at another time and in another order.
    moved = {"watch.toml": '[sources]\norders = "in/*.parquet"\n', "in/z.parquet": orders(COLUMNS, "order by i desc")}
    rest = {name: text for name, text in SHOP.items() if name not in {"watch.toml", ORDERS}}
    write(tmp_path / "other", {**dict(reversed(rest.items())), **moved})
    with children.lent():
        first = await _built(tmp_path / "one")
        assert sorted(first) == TASKS
        assert await _built(tmp_path / "other") == first


@together
async def test_each_table_rests_on_its_plan_its_engine_and_its_edges(worlds: dict[str, World]) -> None:
    for world in worlds.values():
        for name, spec in world.catalog.by_name.items():
            if spec.kind is Kind.VIEW:
                continue
            plan, basis = world.plans[name], world.outputs[spec.output.lower()].basis
            assert basis.fingerprint == plan.fingerprint
            assert basis.engine == world.toolchain.engine
            assert basis.edges.keys() == {need.dataset for need in plan.deps.inputs}
            assert basis.key == task_key(plan.fingerprint, world.toolchain.engine, basis.edges)


@together
async def test_no_two_tasks_have_one_fingerprint(worlds: dict[str, World]) -> None:
    plans = [plan for world in worlds.values() for plan in world.plans.values()]
    assert len(plans) > 20
    assert len({plan.fingerprint for plan in plans}) == len(plans)


def test_no_part_of_a_fingerprint_or_a_key_can_pass_for_another() -> None:
    """A name may hold whatever would part two names: each way to cut one text is another list of parts."""
    text = 'in"a\x00|, b'
    cuts = [c for n in range(len(text)) for c in itertools.combinations(range(1, len(text)), n)]
    pieces = [[text[i:j] for i, j in itertools.pairwise((0, *cut, len(text)))] for cut in cuts]
    assert len({digest_of(*parts) for parts in pieces}) == len(pieces)
    basis = ("f", "e", {"a": "1", "b": "2"})
    others = [("g", *basis[1:]), ("f", "g", basis[2]), ("f", "e", {"a": "2", "b": "1"}), ("f", "e", {"a": "1"})]
    assert task_key(*basis) not in {task_key(*other) for other in others}
    assert task_key(*basis) == task_key("f", "e", {"b": "2", "a": "1"})


#: What is edited, and the sentence that tells of it.
EDITS = {
    "filter": (DAILY.replace("from orders", "from orders where id > 2"), "the filter"),
    "column": (DAILY.replace("count(*) as n", "count(*) + 2 as n"), "column n"),
    "one more": (DAILY.replace(" as n", " as n, max(id) as last"), "output column last added"),
    "input": (DAILY.replace("sum(amount)", "sum(amount + id)"), "id"),
    "type": (DAILY.replace("bigint", "integer"), "output column revenue is INTEGER, was BIGINT"),
    "grouping": (DAILY.replace("group by day", "group by day, id"), "the grouping"),
}


@together
@pytest.mark.parametrize("what", EDITS)
async def test_plan_and_why_name_the_part_that_moved(shop: Workspace, what: str) -> None:
    world, (text, sentence) = shop.world, EDITS[what]
    before = world.plans["daily"].fingerprint
    write(world.layout.root, {"tasks/daily.sql": text})
    compiled = await shop.compile(await shop.look_all())
    planned = plan_document(world, await shop.decide(compiled.cone), None)
    document, why = await build(shop), why_document(world, shop.store, "daily")
    after = world.plans["daily"].fingerprint
    write(world.layout.root, {"tasks/daily.sql": DAILY})
    assert (await build(shop))["executed"] == []
    assert (after == before, world.plans["daily"].fingerprint) == (False, before)
    assert [entry["task"] for entry in planned["execute"]] == ["daily"]
    expected = {"daily", *(entry["task"] for entry in planned["may_execute"])}
    assert {"daily"} <= set(document["executed"]) <= expected
    assert planned["execute"][0]["reasons"] == why["reasons"]
    assert why["reasons"][0]["rule"] == "plan-moved"
    assert sentence in why["reasons"][0]["because"]
