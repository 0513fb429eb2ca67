"""`why` and `plan`: every execution and every skip has its recorded rule and its chain from the file down.

Breaks that were tried and caught: following the first cause alone, telling of another run's files, dropping the causes
of a superseded compilation, and telling of the last run where the last execution was asked for.
"""

from typing import Any

import pytest
from tests.app.conftest import Project, in_one_loop

pytestmark = pytest.mark.usefixtures("lent")


def links(document: dict[str, Any]) -> list[str]:
    return [f"{link['kind']} {link['name']}" for link in document["chain"]]


def rules(document: dict[str, Any]) -> list[str]:
    return [reason["rule"] for reason in document["reasons"]]


@in_one_loop
async def test_both_causes_of_an_execution_are_followed_to_their_files(project: Project) -> None:
    await project.ask("build")
    project.data("data/orders.parquet", "select i as id, i % 2 as day, i as amount from range(4) t(i)")
    project.save("tasks/daily.sql", "select day, sum(amount) + 1 as revenue, count(*) as n from orders group by day\n")
    await project.ask("build")
    why = (await project.ask("why", task="total"))[1]
    assert (why["action"], rules(why)) == ("executed", ["input-moved"])
    assert links(why) == [
        "file data/orders.parquet",
        "dataset orders",
        "file tasks/daily.sql",
        "task daily",
        "dataset daily",
        "task total",
    ]
    assert [link["to"] for link in why["chain"] if link["kind"] == "dataset"] == [
        {"kind": "task", "name": "daily"},
        {"kind": "task", "name": "total"},
    ]
    assert [link["columns"] for link in why["chain"] if link["kind"] == "dataset"] == [["day", "amount"], ["revenue"]]


@in_one_loop
async def test_a_helper_is_named_as_what_set_things_off(project: Project) -> None:
    project.save("tasks/terms.py", "FACTOR = 2\n")
    project.save(
        "tasks/scaled.py",
        "from relspec import task\nfrom terms import FACTOR\n\n@task\ndef scaled(ctx):\n"
        "    t = ctx.table('daily')\n    return t.select(big=t.revenue * FACTOR)\n",
    )
    await project.ask("build")
    project.save("tasks/terms.py", "FACTOR = 3\n")
    await project.ask("build")
    why = (await project.ask("why", task="scaled"))[1]
    assert (why["action"], rules(why)) == ("executed", ["plan-moved", "import-moved"])
    assert links(why) == ["file tasks/terms.py", "task scaled"]


@in_one_loop
async def test_a_comment_is_the_cause_of_a_look_and_of_no_run(project: Project) -> None:
    await project.ask("build")
    project.save("tasks/total.sql", "select sum(revenue) as total from daily -- all\n")
    await project.ask("build")
    why = (await project.ask("why", task="total"))[1]
    assert (why["action"], rules(why), links(why)) == (
        "cut_off",
        ["same-key", "file-moved"],
        ["file tasks/total.sql", "task total"],
    )
    assert (why["made"]["action"], why["made"]["run"], rules(why["made"])) == (
        "executed",
        1,
        ["new-task", "file-moved"],
    )


@in_one_loop
async def test_a_cut_off_names_the_columns_that_stayed_and_where_the_change_came_from(project: Project) -> None:
    await project.ask("build")
    project.save("tasks/daily.sql", "select day, sum(amount) as revenue, max(id) as n from orders group by day\n")
    await project.ask("build")
    why = (await project.ask("why", task="total"))[1]
    assert (why["action"], rules(why)) == ("cut_off", ["same-key", "same-edge"])
    assert why["reasons"][1]["columns"] == ["revenue"]
    assert links(why) == ["file tasks/daily.sql", "task daily", "dataset daily", "task total"]


@in_one_loop
async def test_a_run_that_does_not_reach_a_task_says_so(project: Project) -> None:
    await project.ask("build")
    project.save("tasks/other.sql", "select 1 as x\n")
    await project.ask("build")
    why = (await project.ask("why", task="total"))[1]
    assert (why["action"], why["run"]) == ("executed", 1)
    assert (why["since"]["run"], why["since"]["changes"]) == (2, ["tasks/other.sql"])
    assert "nothing is part of total or above it" in why["since"]["because"]


@in_one_loop
async def test_a_file_above_that_moved_nothing_is_named(project: Project) -> None:
    project.save("tasks/middle.sql", "select revenue from daily\n")
    project.save("tasks/last.sql", "select sum(revenue) as total from middle\n")
    await project.ask("build")
    project.save(
        "tasks/daily.sql", "-- a comment\nselect day, sum(amount) as revenue, count(*) as n from orders group by day\n"
    )
    await project.ask("build")
    why = (await project.ask("why", task="last"))[1]
    assert (why["action"], why["run"], why["since"]["run"]) == ("executed", 1, 2)
    assert "tasks/daily.sql is above it" in why["since"]["because"]


@in_one_loop
async def test_the_edge_that_broke_is_named_with_its_column_and_file(project: Project) -> None:
    await project.ask("build")
    project.data("data/orders.parquet", "select i as id, i % 2 as day from range(4) t(i)")
    await project.ask("build")
    why = (await project.ask("why", task="daily"))[1]
    assert (why["action"], why["reasons"][0]["rule"]) == ("blocked", "edge-broken")
    assert (why["reasons"][0]["upstream"], why["reasons"][0]["columns"]) == ("orders", ["amount"])
    assert links(why)[:2] == ["file data/orders.parquet", "dataset orders"]
    below = (await project.ask("why", task="total"))[1]
    assert (below["action"], rules(below)) == ("blocked", ["upstream-broken"])
    assert links(below)[:2] == ["file data/orders.parquet", "dataset orders"]


@in_one_loop
async def test_a_plan_says_why_and_what_of_the_query_moved(project: Project) -> None:
    await project.ask("build")
    project.save("tasks/daily.sql", "select day, sum(amount) + 1 as revenue, max(id) as n from orders group by day\n")
    (planned,) = (await project.ask("plan"))[1]["execute"]
    assert planned["reason"] == (
        "its plan moved: it requires orders.id now; output column revenue is computed otherwise; "
        "output column n is computed otherwise"
    )
    assert [r["rule"] for r in planned["reasons"]] == ["plan-moved", "file-moved"]
    assert planned["reasons"][1]["path"] == "tasks/daily.sql"
