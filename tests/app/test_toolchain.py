"""An upgrade of a compiler or of the engine: everything is compiled again, and nothing stale or needless comes of it.

The state of an older version is made from a real one: other fingerprints and keys, as another sqlglot would have given.
Breaks that were tried and caught: not recompiling, not adopting, adopting whatever the text is, taking the engine out
of the key, reading converted sources no second time, and forgetting to note the new toolchain.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.app.conftest import Project, in_one_loop

from relspec.core.digest import digest_of, task_key
from relspec.edges.store import seals

pytestmark = pytest.mark.usefixtures("lent")
NOTHING = {"executed": [], "restored": [], "failed": [], "blocked": []}


def lists(document: dict[str, Any]) -> dict[str, Any]:
    return {key: document[key] for key in NOTHING}


def older(root: Path, engine: str | None = None, texts: dict[str, str] | None = None) -> None:
    """Rewrite the state as another toolchain would have left it: with its engine, and its texts for some tasks."""
    with sqlite3.connect(root / "state" / "relspec.sqlite") as connection:
        seals.prepare(connection)
        connection.execute("update setting set value = 'older' where name = 'toolchain'")
        for task, body in connection.execute("select task, body from record").fetchall():
            record = json.loads(body) | {"toolchain": "older"}
            connection.execute("update record set body = ? where task = ?", (json.dumps(record), task))
        for task, found in connection.execute("select task, fingerprint from plan").fetchall():
            connection.execute("update plan set fingerprint = ? where task = ?", (digest_of("older", found), task))
        for task, text in (texts or {}).items():
            connection.execute("update plan set sql = ? where task = ?", (text, task))
        for table in ("output", "memo"):
            for body, key in connection.execute(f"select basis, key from {table}").fetchall():
                basis = json.loads(body)
                basis["fingerprint"] = digest_of("older", basis["fingerprint"])
                basis |= {"engine": engine or basis["engine"]}
                basis["key"] = task_key(basis["fingerprint"], basis["engine"], basis["edges"])
                changed = (json.dumps(basis), basis["key"], key)
                connection.execute(f"update {table} set basis = ?, key = ? where key = ?", changed)
    connection.close()


@in_one_loop
async def test_another_compiler_of_the_same_queries_executes_nothing(project: Project) -> None:
    project.save("tasks/v.sql", "-- relspec: kind=view\nselect id, amount from orders\n")
    project.save(
        "tasks/py.py", "from relspec import task\n\n@task\ndef largest(ctx):\n    return ctx.table('v').limit(1)\n"
    )
    revision = (await project.ask("build"))[1]["revision"]
    older(project.root)
    code, document = await project.ask("build")
    assert (code, lists(document)) == (0, NOTHING)
    assert document["recompiled"] == ["daily", "largest", "total", "v"]
    assert document["cut_off"] == ["daily", "largest", "total", "v"]
    assert document["revision"] == revision
    after = (await project.ask("build"))[1]
    assert (after["recompiled"], after["cut_off"]) == ([], [])


@in_one_loop
async def test_an_upgrade_does_not_look_like_an_edit(project: Project) -> None:
    await project.ask("build")
    older(project.root, texts={"daily": "select 1 as of_another_version"})
    assert lists((await project.ask("build"))[1]) == {**NOTHING, "executed": ["daily"]}
    (reason, *_) = (await project.ask("why", task="daily"))[1]["reasons"]
    assert reason["rule"] == "tool-moved"
    assert "older became relspec " in reason["because"]
    reasons = (await project.ask("why", task="total"))[1]["reasons"]
    assert [reason["rule"] for reason in reasons] == ["same-key", "same-edge", "tool-moved"]


@in_one_loop
async def test_an_edit_on_the_day_of_an_upgrade_is_an_edit(project: Project) -> None:
    await project.ask("build")
    older(project.root)
    project.save("tasks/total.sql", "select sum(revenue) * 2 as total from daily\n")
    assert lists((await project.ask("build"))[1]) == {**NOTHING, "executed": ["total"]}
    (reason, *_) = (await project.ask("why", task="total"))[1]["reasons"]
    assert reason["rule"] == "plan-moved"
    assert project.table("total") == [("120",)]


@in_one_loop
async def test_another_engine_executes_everything_once(project: Project) -> None:
    await project.ask("build")
    older(project.root, engine="duckdb 1.0, UTC, one thread, edge-2")
    assert lists((await project.ask("build"))[1]) == {**NOTHING, "executed": ["daily", "total"]}
    (reason, *_) = (await project.ask("why", task="daily"))[1]["reasons"]
    assert reason["rule"] == "engine-moved"
    assert lists((await project.ask("build"))[1]) == NOTHING


@in_one_loop
async def test_what_another_toolchain_remembered_is_not_restored(project: Project) -> None:
    text = (project.root / "tasks" / "total.sql").read_text()
    await project.ask("build")
    project.save("tasks/total.sql", "select sum(revenue) * 2 as total from daily\n")
    await project.ask("build")
    older(project.root)
    project.save("tasks/total.sql", text)
    assert lists((await project.ask("build"))[1]) == {**NOTHING, "executed": ["total"]}
    assert project.table("total") == [("60",)]


@in_one_loop
async def test_an_adopted_result_can_be_returned_to(project: Project) -> None:
    text = (project.root / "tasks" / "total.sql").read_text()
    await project.ask("build")
    older(project.root)
    await project.ask("build")
    project.save("tasks/total.sql", "select sum(revenue) * 2 as total from daily\n")
    await project.ask("build")
    project.save("tasks/total.sql", text)
    assert lists((await project.ask("build"))[1]) == {**NOTHING, "restored": ["total"]}


@in_one_loop
async def test_text_sources_are_read_again_by_another_engine(project: Project) -> None:
    project.save("data/days.csv", "day,name\n1,one\n2,two\n")
    project.save("tasks/named.sql", "select name from days\n")
    await project.ask("build")
    older(project.root)
    state = project.root / "state" / "relspec.sqlite"
    with sqlite3.connect(state) as connection:
        seals.prepare(connection)
        (body,) = connection.execute("select body from source_file where name = 'days'").fetchone()
        misread = json.loads(body)
        misread["taken"]["part"]["rows"] = 1
        connection.execute("update source_file set body = ? where name = 'days'", (json.dumps(misread),))
    connection.close()
    await project.ask("build")
    with sqlite3.connect(state) as connection:
        (body,) = connection.execute("select body from source_file where name = 'days'").fetchone()
    assert json.loads(body)["taken"]["part"]["rows"] == 2
    connection.close()
