"""What is told of a project for a module, and that the module means the same, whatever the names in the project are.

Breaks that were tried and caught: chance that is not drawn from the key, a signature that forgets the fingerprints, the
edges or the time zone, a policy that Hamilton does not hear of, and problems that are no tasks' own.
"""

from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pytest
from hamilton import driver
from tests.app.conftest import Project, in_one_loop
from tests.flows.compare import differing, driver_of, executed, graph_of, imported, task_graph

from relspec.hamilton import Flow
from relspec.ui.render.hamilton import module_text

pytestmark = pytest.mark.usefixtures("lent")


async def exported(project: Project) -> ModuleType:
    """Build the project and import what `export` writes of it."""
    built = (await project.ask("build"))[1]
    assert built["problems"] == []
    code, document = await project.ask("export")
    assert code == 0
    path = project.root / "flow.py"
    path.write_text(module_text(document, "flow", "."))
    return imported(path)


def sources_of(root: Path, flow: Flow) -> dict[str, pa.Table]:
    """What `Flow.inputs` gives, without asking whether the plan is the same."""
    with patch.object(Flow, "verify"):
        return flow.inputs(root)


HOSTILE = {
    "tasks/class.sql": 'select id, amount, \'a"""b\\\' as "it\'s ""it""" from "2024 orders" where note <> \'x\ny\'\n',
    "tasks/FLOW.sql": "-- relspec: kind=view\nselect *, amount * 100::HUGEINT as big from CLASS\n",
    "tasks/_raw.sql": "-- relspec: kind=view\nselect id, big, amount from flow where big > 0\n",
    "tasks/tag.sql": "select max(big) as most, count(*) as n, [max(id)] as ids from _RAW\n",
    "tasks/n.sql": 'select count(*) as n from Tag, "2024 orders"\n',
    "tasks/drawn.sql": '-- relspec: cache_policy=session\nselect id, random() as r, uuid() as u from "2024 ORDERS"\n',
    "tasks/below.sql": "select u, r from Drawn where r > 0.5\n",
    "tasks/moment.sql": "-- relspec: cache_policy=none\nselect 1 as x\n",
}


def hostile(project: Project) -> None:
    for name in ("daily", "total"):
        (project.root / "tasks" / f"{name}.sql").unlink()
    (project.root / "data" / "orders.parquet").rename(project.root / "data" / "2024 orders.parquet")
    for name, text in HOSTILE.items():
        project.save(name, text)


@in_one_loop
async def test_hostile_names_and_chance_give_the_same_graph_and_tables(project: Project) -> None:
    hostile(project)
    flow = await exported(project)
    assert graph_of(flow) == task_graph((await project.ask("graph"))[1])
    assert {v.name for v in driver_of(flow).list_available_variables()} == {
        *("dataset_2024_orders", "dataset_class", "dataset_FLOW", "dataset__raw", "dataset_tag"),
        *("n", "drawn", "below", "moment"),
    }
    assert flow.FLOW.sources == {"dataset_2024_orders": ("2024 orders", ["id", "amount", "note"])}
    tables = executed(flow, sources_of(project.root, flow.FLOW))
    assert differing(project.root, tables) == []


@in_one_loop
async def test_hamiltons_cache_remembers_what_the_policy_remembers(project: Project, tmp_path: Path) -> None:
    hostile(project)
    flow = await exported(project)
    inputs, query = sources_of(project.root, flow.FLOW), Flow.query
    names = sorted(v.name for v in driver_of(flow).list_available_variables() if not v.is_external_input)
    ran: list[str] = []

    def noted(self: Flow, sql: str, **more: Any) -> pa.Table:
        ran.append(more["gives"])
        return query(self, sql, **more)

    def run(given: dict[str, pa.Table]) -> list[str]:
        ran.clear()
        cached = driver.Builder().with_modules(flow).with_cache(path=tmp_path / "cache").build()
        cached.execute(names, inputs=given)
        return sorted(ran)

    with patch.object(Flow, "query", noted):
        assert run(inputs) == ["FLOW", "_raw", "below", "class", "drawn", "moment", "n", "tag"]
        assert run(inputs) == ["FLOW", "_raw", "moment"]
        fewer = {name: table.slice(1) for name, table in inputs.items()}
        # What reads the table of `drawn` or `tag` moves with it.
        assert run(fewer) == ["FLOW", "_raw", "below", "class", "drawn", "moment", "n", "tag"]


@in_one_loop
async def test_the_signature_moves_with_a_plan_an_edge_and_the_time_zone_alone(project: Project) -> None:
    async def signature() -> str:
        return str((await project.ask("export"))[1]["signature"])

    first = await signature()
    project.save("tasks/total.sql", "select sum(revenue) as total -- in cents\nfrom daily as d\n")
    assert await signature() == first
    project.data("data/orders.parquet", "select i as id, i % 3 as day, i * 7 as amount, 'x' as note from range(4) t(i)")
    assert await signature() == first
    project.save("tasks/total.sql", "select sum(revenue) + 1 as total from daily\n")
    plan = await signature()
    project.save("tasks/total.sql", "select sum(n) + 1 as total from daily\n")
    requirement = await signature()
    project.save("tasks/days.sql", "-- relspec: kind=view\nselect day, n from daily\n")
    project.save("tasks/total.sql", "select sum(n) + 1 as total from (select day, n from daily)\n")
    without = await signature()
    project.save("tasks/total.sql", "select sum(n) + 1 as total from days\n")
    # The same query, and yet another graph.
    through_view = await signature()
    project.save("watch.toml", 'timezone = "Asia/Kolkata"\n')
    # By itself: the children that are lent run in UTC.
    zone = project.run("export", "hamilton", "-")[1]["signature"]
    assert len({first, plan, requirement, without, through_view, zone}) == 6


@in_one_loop
async def test_while_a_task_has_no_plan_nothing_is_exported(project: Project) -> None:
    project.save("tasks/unloadable.py", "no python\n")
    code, document = await project.ask("export")
    assert (code, [p["path"] for p in document["problems"]]) == (1, ["tasks/unloadable.py"])
    (project.root / "tasks" / "unloadable.py").unlink()
    project.save("tasks/daily.sql", "select nothing from orders\n")
    code, document = await project.ask("export")
    assert (code, document["signature"], document["plans"]) == (1, None, [])
    assert [(p["code"], p["task"]) for p in document["problems"]] == [("unknown-column", "daily")]


@in_one_loop
async def test_a_column_that_arrow_does_not_hold_is_refused(project: Project) -> None:
    project.save("tasks/variants.sql", "select id::variant as v from orders\n")
    code, document = await project.ask("export")
    (problem,) = document["problems"]
    assert (code, problem["code"], problem["path"]) == (1, "output-schema", "tasks/variants.sql")
    assert problem["message"] == "column 'v' of type VARIANT has no form in Arrow, so variants cannot be exported"
