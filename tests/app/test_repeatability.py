"""Warnings as they are told, what becomes of results that chance or the clock had a part in, and the same bytes again.

Breaks that were tried and caught: restoring a result of the clock, cutting off what was asked for again, a daemon that
forgets what was asked, more than one thread in an engine.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from tests.app.conftest import Project
from tests.scenarios.harness import build, write

from relspec.app.status import StatusLines, status_document
from relspec.app.warnings import warnings_of
from relspec.app.workspace import Workspace, open_workspace
from relspec.core.finding import Finding, Known, Repeatability, open_findings
from relspec.core.layout import Layout
from relspec.core.progress import Progress, WarningsFound
from relspec.edges.store.database import Store

ORDERS = {"data/orders.parquet": "select i as id, i % 3 as day, (i * 37 % 11) / 7 as amount from range(50) t(i)"}


def codes(document: dict[str, object], task: str | None = None) -> list[str]:
    warnings = document["warnings"]
    assert isinstance(warnings, list)
    return [w["code"] for w in warnings if task in (None, w["task"])]


def rows(root: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(root / "state" / "relspec.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


async def test_warnings_are_told_with_place_and_fix_and_never_fail_a_build(tmp_path: Path) -> None:
    told: list[Progress] = []
    write(tmp_path, {**ORDERS, "tasks/total.sql": "select day,\n    sum(amount) as total\nfrom orders\ngroup by day\n"})
    async with open_workspace(Layout(tmp_path), told.append) as workspace:
        document = await build(workspace)
        (warning,) = document["warnings"]
        assert document["ok"]
        assert {k: warning[k] for k in ("code", "task", "path", "line", "column")} == {
            "code": "float-sum",
            "task": "total",
            "path": "tasks/total.sql",
            "line": 2,
            "column": 5,
        }
        assert warning["hint"] == "cast amount to a DECIMAL within the call: their sum is exact"
        write(tmp_path, {"watch.toml": '[warnings]\nignore = ["float-sum"]\n'})
        assert codes(await build(workspace)) == []
        write(tmp_path, {"watch.toml": ""})
        assert codes(await build(workspace)) == ["float-sum"]
        allowed = "-- relspec: allow=float-sum+clock\n" + (tmp_path / "tasks" / "total.sql").read_text()
        write(tmp_path, {"tasks/total.sql": allowed})
        document = await build(workspace)
        assert (codes(document), document["executed"]) == ([], [])
    assert [len(e.warnings) for e in told if isinstance(e, WarningsFound)] == [1, 0, 1, 0]


async def test_a_task_above_makes_a_warning_void_without_a_compilation(tmp_path: Path) -> None:
    grouped = "select day, count(*) as n from orders group by day\n"
    first = "select day, n from daily order by day limit 2\n"
    write(tmp_path, {**ORDERS, "tasks/daily.sql": grouped, "tasks/first.sql": first})
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        assert codes(await build(workspace)) == []
        write(tmp_path, {"tasks/daily.sql": "select day, id as n from orders\n"})
        document = await build(workspace)
        assert (codes(document), document["recompiled"]) == (["partial-order"], ["daily"])
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        assert codes(status_document(workspace.world, None, (), StatusLines())) == ["partial-order"], (
            "what the plans know is kept"
        )
        write(tmp_path, {"tasks/daily.sql": grouped})
        document = await build(workspace)
        assert (codes(document), document["recompiled"]) == ([], ["daily"])


CHAIN = {
    "tasks/daily.sql": "select day, count(*) as n from orders group by day\n",
    "tasks/handed.sql": "select n, day as d from daily where n > 3\n",
    "tasks/first.sql": "select d, n from handed order by d limit 2\n",
    "tasks/total.sql": "select sum(amount) as total from orders\n",
    "tasks/any.sql": "select id, amount from orders limit 3\n",
}
PICKED = """from relspec import task

@task
def picked(ctx):
    return ctx.table("orders").limit(3)
"""
UNGROUPED = "select day, id as n from orders\n"


async def test_warnings_kept_from_before_are_those_of_all_plans_taken_together(tmp_path: Path) -> None:
    """`build` compares the two. Each edit moves what a warning hangs on in another way."""
    edits: list[tuple[dict[str, str | None], list[str]]] = [
        (dict(CHAIN), ["any", "total"]),
        ({"tasks/daily.sql": UNGROUPED}, ["any", "first", "total"]),
        ({"tasks/daily.sql": CHAIN["tasks/daily.sql"]}, ["any", "total"]),
        (
            {"tasks/daily.sql": None, "tasks/other.sql": f"-- relspec: output=daily\n{UNGROUPED}"},
            ["any", "first", "total"],
        ),
        ({"tasks/other.sql": None, "tasks/daily.sql": CHAIN["tasks/daily.sql"]}, ["any", "total"]),
        ({"tasks/clash.sql": f"-- relspec: output=daily\n{UNGROUPED}"}, ["any", "total"]),
        ({"tasks/clash.sql": None, "tasks/handed.sql": None}, ["any", "first", "total"]),
        ({"tasks/handed.sql": CHAIN["tasks/handed.sql"], "tasks/any.sql": "select id from\n"}, ["any", "total"]),
        ({"tasks/any.sql": "-- relspec: allow=limit-without-order\nselect id from\n"}, ["total"]),
        ({"tasks/any.sql": "\n" + CHAIN["tasks/any.sql"]}, ["any", "total"]),
        ({"tasks/total.sql": f"-- relspec: allow=float-sum\n{CHAIN['tasks/total.sql']}"}, ["any"]),
        ({"watch.toml": '[warnings]\nignore = ["limit-without-order"]\n'}, []),
        ({"watch.toml": ""}, ["any"]),
        ({"tasks/any.sql": None, "tasks/picked.py": PICKED}, ["picked"]),
        ({"tasks/picked.py": f"# Three of them.\n{PICKED}"}, ["picked"]),
        ({"tasks/picked.py": None}, []),
    ]
    write(tmp_path, dict(ORDERS))
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        for files, warned in edits:
            write(tmp_path, files)
            document = await build(workspace)
            assert sorted(w["task"] for w in document["warnings"]) == warned, files


async def test_only_warnings_that_may_have_moved_are_worked_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighed: list[str] = []

    def counted(repeatability: Repeatability, known: Known) -> Iterator[Finding]:
        weighed.extend(f.message.partition(" ")[0] for f in repeatability.findings)
        return open_findings(repeatability, known)

    monkeypatch.setattr("relspec.app.warnings.open_findings", counted)
    write(tmp_path, {**ORDERS, **CHAIN})
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        for files, expected in [
            ({}, ["LIMIT", "LIMIT", "SUM()"]),
            ({"tasks/total.sql": "select sum(amount) as totals from orders\n"}, ["SUM()"]),
            ({"tasks/daily.sql": UNGROUPED}, ["LIMIT"]),
            (ORDERS, []),
        ]:
            write(tmp_path, files)
            weighed.clear()
            await workspace.build(await workspace.look_all())
            assert sorted(weighed) == expected, files
            assert warnings_of(workspace.world) is warnings_of(workspace.world)


async def test_plans_come_back_from_the_store_with_all_that_they_know(tmp_path: Path) -> None:
    tasks = {
        "tasks/stamped.sql": "-- relspec: kind=view\nselect id, now() as at from orders\n",
        "tasks/reader.sql": "select o.id, at, first(o.day) as d from orders o join stamped using (id) group by all\n",
        "tasks/one.sql": "select count(*) as n from orders\n",
        "tasks/two.sql": "select id, d from reader order by id limit 3\n",
        "tasks/handed.sql": "select d as e, id from reader where id > 3\n",
    }
    write(tmp_path, {**ORDERS, **tasks})
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        await build(workspace)
        before = {task: plan.repeatability for task, plan in workspace.world.plans.items()}
    store = Store.open(Layout(tmp_path).database, "another")
    after = {task: plan.repeatability for task, plan in store.load().plans.items()}
    store.close()
    assert {t: sorted(map(str, r.findings)) for t, r in after.items()} == {
        t: sorted(map(str, r.findings)) for t, r in before.items()
    }
    for task, found in before.items():
        known = after[task].uniqueness
        assert sorted(map(sorted, known.sets)) == sorted(map(sorted, found.uniqueness.sets)), task
        assert (known.rows_of, sorted(known.names)) == (found.uniqueness.rows_of, sorted(found.uniqueness.names)), task


async def test_the_clock_does_not_run_backwards(tmp_path: Path) -> None:
    """A return to an earlier query restores what it gave, unless it told the time."""
    versions = {
        "timed": ["select id, now() as t from orders\n", "select id, id as t from orders\n"],
        "drawn": ["select id, random() as t, uuid() as u from orders\n", "select id, id as t from orders\n"],
    }
    write(tmp_path, ORDERS)
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        for version in (0, 1):
            write(tmp_path, {f"tasks/{name}.sql": texts[version] for name, texts in versions.items()})
            assert (await build(workspace))["executed"] == ["drawn", "timed"]
        write(tmp_path, {f"tasks/{name}.sql": texts[0] for name, texts in versions.items()})
        document = await build(workspace)
        assert (document["executed"], document["restored"]) == (["timed"], ["drawn"])
        assert codes(document) == ["random", "random", "clock"]
        document = await build(workspace)
        assert document["executed"] == [], "nothing runs because time goes by"


async def test_chance_is_drawn_from_the_key(tmp_path: Path) -> None:
    """Two clean builds of the same files agree, and two tasks draw apart."""
    drawn = "select id, random() as r, uuid() as u from orders using sample 30 rows\n"
    drawings = []
    for name in ("a", "b"):
        root = tmp_path / name
        write(root, {**ORDERS, "tasks/drawn.sql": drawn, "tasks/other.sql": drawn})
        async with open_workspace(Layout(root), lambda _: None) as workspace:
            await build(workspace)
        drawings += [rows(root, f"from {task} order by all") for task in ("drawn", "other")]
    assert drawings[0] == drawings[2]
    assert drawings[1] == drawings[3]
    assert drawings[0] != drawings[1]


def test_again_executes_what_is_named_and_its_readers_by_their_digests(project: Project) -> None:
    project.save("tasks/timed.sql", "select count(*) as n, now()::varchar as t from orders\n")
    project.save("tasks/reads_n.sql", "select n from timed\n")
    project.save("tasks/reads_t.sql", "select t from timed\n")
    project.save("tasks/seen.sql", "-- relspec: kind=view\nselect day from orders\n")
    project.save("tasks/days.sql", "select count(day) as n from seen\n")
    project.run("build")
    before = project.table("timed")
    code, document = project.run("build", "--again", "timed")
    assert (code, document["executed"], document["cut_off"]) == (0, ["reads_t", "timed"], ["reads_n"])
    assert project.table("timed") != before
    assert project.run("why", "timed")[1]["reasons"][0]["rule"] == "asked-again"
    assert project.run("build", "--again", "seen")[1]["executed"] == ["days"]
    assert project.run("build", "--again")[0] == 2
    assert project.run("build", "--again", "tmed")[1]["error"]["hint"] == "did you mean 'timed'?"


def test_again_goes_through_the_daemon(project: Project) -> None:
    project.save("tasks/timed.sql", "select count(*) as n, now()::varchar as t from orders\n")
    project.start()
    assert project.run("build", "--again", "timed")[1]["executed"] == ["timed"]
    assert project.run("build")[1]["executed"] == []
    assert project.log.read_text().count("warning clock") == 1, "a warning is told once"


LARGE = {
    # Several row groups, so that more threads would have something to share.
    "data/big.parquet": """
        select i as id, i % 997 as k, (i * 37 % 101) / 7 * pow(10, i % 9) as x, 'n' || (i % 89) as s
        from range(300000) t(i)""",
    "tasks/sums.sql": "select k, sum(x) as s, avg(x) as a, stddev(x) as d from big group by k\n",
    "tasks/picks.sql": "select k, any_value(s) as f, list(id) as l, mode(s) as m from big group by k\n",
    "tasks/ties.sql": "select id, row_number() over (partition by s order by k) as n, lag(x) over (order by k) as p "
    "from big\n",
    "tasks/drawn.sql": "select id, random() as r from big using sample 10%\n",
    "tasks/tops.sql": "select s, x from big order by k limit 1000\n",
    "tasks/below.sql": "select s.k, s.s, p.f, t.n from sums s join picks p using (k) join ties t on t.id = s.k\n",
    "tasks/joined.sql": "select b.id, s.a from big b join sums s using (k) where b.x > s.a\n",
}


async def objects_of(root: Path, settings: str) -> tuple[set[str], Workspace]:
    """Build the large project in a fresh folder: the names of its objects, which are hashes of their bytes."""
    write(root, {**LARGE, "watch.toml": settings})
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        document = await build(workspace)
        assert document["failed"] == []
        assert len(document["executed"]) == len(LARGE) - 1
        return {output.content for output in workspace.world.outputs.values()}, workspace


@pytest.mark.parametrize("settings", ["[limits]\nworkers = 2\n", "[limits]\nworkers = 4\n"])
async def test_the_same_files_give_the_same_bytes_on_any_number_of_cores(tmp_path: Path, settings: str) -> None:
    alone, _ = await objects_of(tmp_path / "alone", "[limits]\nworkers = 1\n")
    beside, _ = await objects_of(tmp_path / "beside", settings)
    assert alone == beside
