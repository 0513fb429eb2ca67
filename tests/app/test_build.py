"""Builds without a daemon: what a restart keeps, what heals, what is published.

Where the words and the exit of the command are of no matter, it is answered in this process, each time anew from the
state on disk, by children that live on: most of what a command costs is the start of processes.
"""

import contextlib
import sqlite3
from pathlib import Path

import duckdb
import pytest
from tests.app.conftest import Project, in_one_loop

from relspec.edges.store.database import SCHEMA_VERSION

pytestmark = pytest.mark.usefixtures("lent")


def lists(document: dict[str, object]) -> dict[str, object]:
    return {key: document[key] for key in ("recompiled", "executed", "restored", "failed", "blocked")}


NOTHING = {"recompiled": [], "executed": [], "restored": [], "failed": [], "blocked": []}


def test_a_restart_compiles_and_executes_nothing(project: Project) -> None:
    assert project.run("build")[1]["executed"] == ["daily", "total"]
    assert lists(project.run("build")[1]) == NOTHING


@in_one_loop
async def test_a_change_while_nobody_watched_is_found(project: Project) -> None:
    await project.ask("build")
    project.save("tasks/total.sql", "select sum(revenue) * 2 as total from daily\n")
    assert lists((await project.ask("build"))[1]) == {**NOTHING, "recompiled": ["total"], "executed": ["total"]}
    assert project.table("total") == [("120",)]


@in_one_loop
async def test_an_undo_after_a_restart_is_restored(project: Project) -> None:
    text = (project.root / "tasks" / "total.sql").read_text()
    await project.ask("build")
    project.save("tasks/total.sql", "select sum(revenue) * 2 as total from daily\n")
    await project.ask("build")
    project.save("tasks/total.sql", text)
    assert lists((await project.ask("build"))[1]) == {**NOTHING, "recompiled": ["total"], "restored": ["total"]}
    assert project.table("total") == [("60",)]


@in_one_loop
async def test_a_lost_object_is_made_again(project: Project) -> None:
    await project.ask("build")
    for path in (project.root / "state" / "objects").iterdir():
        path.unlink()
    assert (await project.ask("build"))[1]["executed"] == ["daily", "total"]


def test_a_rotten_object_is_found_when_it_is_read_and_made_again(project: Project) -> None:
    project.run("build")
    published = project.root / "state" / "tables" / "daily.parquet"
    published.chmod(0o600)
    data = bytearray(published.read_bytes())
    data[: len(data)] = b"x" * len(data)
    published.write_bytes(bytes(data))
    project.save("tasks/extra.sql", "select max(n) as n from daily\n")
    code, document = project.run("build")
    assert (code, document["executed"]) == (0, ["daily", "extra"])
    assert project.table("extra") == [(2,)]


@in_one_loop
async def test_a_table_that_somebody_removed_is_shown_again(project: Project) -> None:
    await project.ask("build")
    (project.root / "state" / "tables" / "total.parquet").unlink()
    (project.root / "state" / "relspec.duckdb").unlink()
    assert lists((await project.ask("build"))[1]) == NOTHING
    assert (project.root / "state" / "tables" / "total.parquet").exists()
    assert project.table("total") == [("60",)]


@in_one_loop
async def test_a_file_of_views_that_is_not_what_was_shown_is_made_again(project: Project) -> None:
    await project.ask("build")
    (project.root / "state" / "relspec.duckdb").write_bytes(b"not a database")
    assert lists((await project.ask("build"))[1]) == NOTHING
    assert project.table("total") == [("60",)]


def test_a_state_of_a_newer_version_is_refused_and_left_alone(project: Project) -> None:
    project.run("build")
    database = project.root / "state" / "relspec.sqlite"

    def set_version(version: int) -> None:
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.execute(f"pragma user_version = {version}")

    set_version(SCHEMA_VERSION + 1)
    held = database.read_bytes()
    project.save("tasks/total.sql", "select sum(revenue) * 2 as total from daily\n")
    code, document = project.run("build")
    assert (code, document["error"]["code"]) == (1, "state")
    assert "newer relspec-watch" in document["error"]["message"]
    assert database.read_bytes() == held
    assert project.table("total") == [("60",)]
    set_version(SCHEMA_VERSION)
    assert project.run("build")[1]["executed"] == ["total"]


@in_one_loop
async def test_kinds_decide_where_a_table_is_seen(project: Project) -> None:
    project.save("tasks/a_view.sql", "-- relspec: kind=view\nselect id from orders\n")
    project.save("tasks/stored.sql", "-- relspec: kind=compute\nselect id from a_view\n")
    await project.ask("build")
    shown = {p.stem for p in (project.root / "state" / "tables").iterdir()}
    assert shown == {"daily", "total"}
    assert project.table("a_view") == project.table("stored") == [(0,), (1,), (2,), (3,)]


@in_one_loop
async def test_a_task_that_changes_its_kind_moves_without_executing(project: Project) -> None:
    await project.ask("build")
    text = (project.root / "tasks" / "total.sql").read_text()
    project.save("tasks/total.sql", "-- relspec: kind=compute\n" + text)
    assert lists((await project.ask("build"))[1]) == {**NOTHING, "recompiled": ["total"]}
    assert not (project.root / "state" / "tables" / "total.parquet").exists()
    assert project.table("total") == [("60",)]


@in_one_loop
async def test_the_policy_none_forgets_and_executes_an_undo(project: Project) -> None:
    versions = [f"-- relspec: cache_policy=none\nselect sum(revenue) * {n} as total from daily\n" for n in (1, 2)]
    for version in (*versions, versions[0]):
        project.save("tasks/total.sql", version)
        document = (await project.ask("build"))[1]
        assert "total" in document["executed"]
    assert document["restored"] == []


@in_one_loop
async def test_a_build_of_one_task_leaves_the_others_stale(project: Project) -> None:
    project.save("tasks/other.sql", "select count(*) as n from orders\n")
    assert (await project.ask("build", tasks=["total"]))[1]["executed"] == ["daily", "total"]
    states = {t["name"]: t["state"] for t in project.run("status")[1]["tasks"]}
    assert states == {"daily": "fresh", "other": "stale", "total": "fresh"}
    assert (await project.ask("build"))[1]["executed"] == ["other"]


@in_one_loop
async def test_what_plan_says_is_what_build_does(project: Project) -> None:
    await project.ask("build")
    project.save("tasks/daily.sql", "select day, sum(amount) + 1 as revenue, count(*) as n from orders group by day\n")
    plan = (await project.ask("plan"))[1]
    assert [t["task"] for t in plan["execute"]] == ["daily"]
    assert [t["task"] for t in plan["may_execute"]] == ["total"]
    assert project.table("total") == [("60",)], "a plan executes nothing"
    assert (await project.ask("build"))[1]["executed"] == ["daily", "total"]


@in_one_loop
async def test_why_names_the_file_that_set_things_off(project: Project) -> None:
    await project.ask("build")
    project.save("tasks/daily.sql", "select day, sum(amount) + 1 as revenue, count(*) as n from orders group by day\n")
    await project.ask("build")
    why = (await project.ask("why", task="total"))[1]
    assert (why["action"], why["reasons"][0]["rule"], why["reasons"][0]["columns"]) == (
        "executed",
        "input-moved",
        ["revenue"],
    )
    assert [(link["kind"], link["name"]) for link in why["chain"]] == [
        ("file", "tasks/daily.sql"),
        ("task", "daily"),
        ("dataset", "daily"),
        ("task", "total"),
    ]


@in_one_loop
async def test_explain_gives_what_a_bare_duckdb_needs(project: Project) -> None:
    explain = (await project.ask("explain", task="daily"))[1]
    assert explain["inputs"] == {"orders": {"day": "BIGINT", "amount": "BIGINT"}}
    assert explain["lineage"]["revenue"] == [["orders", "amount"]]
    with duckdb.connect() as connection:
        source = project.root / "data" / "orders.parquet"
        connection.execute(f"create table orders as select day, amount from '{source}'")
        assert sorted(connection.execute(explain["sql"]).fetchall()) == [(0, 20, 2), (1, 40, 2)]


def test_an_empty_project_and_one_without_settings_are_well(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    empty = Project(tmp_path / "project")
    code, document = empty.run("build")
    assert (code, document["ok"], document["executed"]) == (0, True, [])
    assert empty.run("status") == (
        0,
        {"daemon": {"running": False, "pid": None}, "revision": 0, "tasks": [], "problems": [], "warnings": []},
    )


def test_broken_settings_are_a_usage_error_that_names_the_line(project: Project) -> None:
    project.save("watch.toml", "[limits]\nquery_s = -1\n")
    code, document = project.run("build")
    assert code == 2
    assert "watch.toml:2" in document["error"]["message"]


@in_one_loop
async def test_types_that_the_settings_fix_count_at_once(project: Project) -> None:
    project.save("data/cities.csv", "code,people\n7,3\n")
    project.save("tasks/codes.sql", "select code from cities\n")
    await project.ask("build")
    assert project.table("codes") == [(7,)]
    project.save("watch.toml", '[sources.cities]\nfiles = "data/cities.csv"\ntypes = { code = "VARCHAR" }\n')
    code, document = await project.ask("build")
    assert code == 1, "another family of types blocks the reader until it is saved"
    assert document["problems"][0]["code"] == "edge"
    project.save("tasks/codes.sql", "select code from cities -- as text\n")
    assert (await project.ask("build"))[1]["executed"] == ["codes"]
    assert project.table("codes") == [("7",)]


@in_one_loop
async def test_a_project_that_was_moved_goes_on(project: Project) -> None:
    project.save("data/cities.csv", "code,people\na,3\n")
    project.save("tasks/codes.sql", "select code from cities\n")
    await project.ask("build")
    moved = Project(project.root.rename(project.root.with_name("moved")))
    assert (await moved.ask("build"))[1]["executed"] == []
    assert moved.table("codes") == [("a",)]
    moved.save("tasks/people.sql", "select people from cities\n")
    assert (await moved.ask("build"))[1]["executed"] == ["people"]


def test_a_task_is_built_by_the_name_of_its_output(project: Project) -> None:
    project.save("tasks/other.sql", "-- relspec: output=another\nselect count(*) as n from orders\n")
    assert project.run("build", "another")[1]["executed"] == ["other"]
    code, document = project.run("build", "anothr")
    assert (code, document["error"]["hint"]) == (2, "did you mean 'another'?")


@in_one_loop
async def test_a_udf_that_raises_is_a_problem_at_its_line(project: Project) -> None:
    text = """import ibis
from relspec import task

@ibis.udf.scalar.python
def careful(number: int) -> int:
    assert number < 2, "too large"
    return number

@task
def cared(ctx):
    return ctx.table("orders").select(n=careful(ctx.table("orders").id))
"""
    project.save("tasks/cared.py", text)
    code, document = await project.ask("build", tasks=["cared"])
    (problem,) = document["problems"]
    assert (code, document["failed"]) == (1, ["cared"])
    assert (problem["code"], problem["path"], problem["line"]) == ("execution", "tasks/cared.py", 6)
    assert "AssertionError: too large" in problem["message"]
    assert "At:" not in problem["message"]


@in_one_loop
async def test_a_file_that_vanishes_before_its_extractor_reads_it_ends_no_build(project: Project) -> None:
    """Caught: the error that it moved went through the build, and ended the daemon."""
    project.save("notes/a.txt", "a")
    project.save("notes/b.txt", "b")
    project.save(
        "tasks/notes.py",
        "import os, pyarrow\nfrom relspec import extract\n\n@extract(files='notes/*.txt')\ndef notes(file):\n"
        "    if os.path.exists('notes/b.txt'):\n        os.unlink('notes/b.txt')\n"
        "    return {'notes': pyarrow.table({'text': [file.text()]})}\n",
    )
    assert (await project.ask("build"))[0] == 0
    assert project.table("notes") == [("a",)]
