"""`gc` against real projects: what goes, what stays for whom, and that everything is right afterwards.

Breaks that were caught: the views are not held before they are replaced; the revision on disk is not asked for where
it lags behind; unlinking before forgetting; extractions that stay in memory after they were forgotten; a source that
is broken counts as no longer shown.
"""

import asyncio
import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.app.conftest import Project, in_one_loop, opened
from tests.scenarios.harness import build, compare_with_clean, write

from relspec.app.documents import Document, gc_document
from relspec.app.workspace import Workspace
from relspec.core.layout import Layout
from relspec.core.progress import Action
from relspec.edges.engine.views_file import LINGER_S
from relspec.edges.store import seals
from relspec.edges.store.migrations import migrations
from relspec.edges.store.tables import Database

FORGETFUL = "[gc]\nauto = false\nkeep_days = 0\nkeep_mb = 0\n"
FIRST: Mapping[str, str | None] = {
    "watch.toml": FORGETFUL,
    "data/prices.csv": "item,price\na,1\nb,2\n",
    "tasks/total.sql": "select sum(price) as total from prices\n",
}
SECOND: Mapping[str, str | None] = {
    "data/prices.csv": "item,price\na,1\nb,3\n",
    "tasks/total.sql": "select sum(price) * 10 as total from prices\n",
}
READER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
print("open", flush=True)
for query in sys.stdin:
    print(connection.execute(query).fetchall(), flush=True)
"""


pytestmark = pytest.mark.usefixtures("lent")


async def step(workspace: Workspace, files: Mapping[str, str | None]) -> Document:
    """Save some files and build."""
    write(workspace.world.layout.root, dict(files))
    return await build(workspace)


async def gc(workspace: Workspace, *, dry: bool = False) -> Document:
    return gc_document(await workspace.collect(dry=dry), dry=dry)


def did(document: Document) -> tuple[list[str], list[str]]:
    return document["executed"], document["restored"]


def kept(document: Document) -> dict[str, int]:
    return {entry["why"]: entry["objects"] for entry in document["kept"] if entry["objects"]}


def objects(root: Path) -> set[str]:
    return {path.name for path in Layout(root).objects.iterdir()}


class Reader:
    """Another process that has the file of views open."""

    def __init__(self, root: Path) -> None:
        command = [sys.executable, "-c", READER, str(Layout(root).views)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._line() == "open"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def ask(self, query: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(query + "\n")
        self._process.stdin.flush()
        return self._line()

    def close(self) -> None:
        self._process.communicate()


@contextmanager
def reading(root: Path) -> Iterator[Reader]:
    reader = Reader(root)
    try:
        yield reader
    finally:
        reader.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    (made / "tasks").mkdir(parents=True)
    return made


@in_one_loop
async def test_nothing_current_is_touched_and_a_build_afterwards_executes_nothing(root: Path) -> None:
    async with opened(root) as workspace:
        await step(workspace, FIRST)
        await step(workspace, SECOND)
        before = objects(root)
        document = await gc(workspace)
        assert (document["freed"]["objects"], document["freed"]["executions"]) == (2, 1)
        assert kept(document) == {"current": 2}
        assert len(objects(root)) == len(before) - 2
        assert did(await build(workspace)) == ([], [])
    async with opened(root) as workspace:
        assert did(await build(workspace)) == ([], [])
        again = await gc(workspace)
        assert again["freed"] == {**dict.fromkeys(again["freed"], 0), "runs": 1}, "the run before the last one"
    await compare_with_clean(root, root.with_name("clean"), set())


@in_one_loop
async def test_an_undo_of_what_was_dropped_executes_again_and_is_right(root: Path) -> None:
    async with opened(root) as workspace:
        await step(workspace, FIRST)
        await step(workspace, SECOND)
        await gc(workspace)
        assert did(await step(workspace, FIRST)) == (["total"], [])
    await compare_with_clean(root, root.with_name("clean"), set())


@in_one_loop
async def test_what_is_recent_is_kept_and_restored(root: Path) -> None:
    async with opened(root) as workspace:
        await step(workspace, _default(FIRST))
        await step(workspace, SECOND)
        document = await gc(workspace)
        assert kept(document) == {"current": 2, "recent": 1}, "the old text of the source is worth nothing"
        assert did(await step(workspace, _default(FIRST))) == ([], ["total"])


def _default(files: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name: text for name, text in files.items() if name != "watch.toml"}


@in_one_loop
async def test_a_pin_that_fits_no_output_is_told_and_one_of_a_deleted_task_is_not(root: Path) -> None:
    async with opened(root) as workspace:
        pinned = FORGETFUL + 'pinned = ["totl", "TOTAL", "gone"]\n'
        await step(workspace, {**FIRST, "watch.toml": pinned, "tasks/gone.sql": "select 1 as a"})
        await step(workspace, {"tasks/gone.sql": None})
        assert (await gc(workspace))["unknown_pins"] == [{"name": "totl", "likely": "total"}]


@in_one_loop
async def test_a_pinned_output_keeps_what_others_lose(root: Path) -> None:
    async with opened(root) as workspace:
        other = "select max(price) as top from prices\n"
        pinned = FORGETFUL + 'pinned = ["TOTAL"]\n'
        await step(workspace, {**FIRST, "watch.toml": pinned, "tasks/other.sql": other})
        await step(workspace, {**SECOND, "tasks/other.sql": "select min(price) as top from prices\n"})
        assert kept(await gc(workspace)) == {"current": 3, "pinned": 1}
        assert did(await step(workspace, {**_default(FIRST), "tasks/other.sql": other})) == (["other"], ["total"])


@in_one_loop
async def test_a_dry_run_says_the_same_and_changes_nothing(root: Path) -> None:
    async with opened(root) as workspace:
        await step(workspace, FIRST)
        await step(workspace, SECOND)
        before, rows = objects(root), _all_rows(root)
        said = await gc(workspace, dry=True)
        assert (objects(root), _all_rows(root)) == (before, rows)
        done = await gc(workspace)
        assert said == {**done, "dry_run": True}
        assert done["freed"]["bytes"] > 0


def _all_rows(root: Path) -> list[tuple[Any, ...]]:
    tables = ("memo", "digest", "extraction", "shown", "run", "run_task", "reason", "setting")
    connection = sqlite3.connect(Layout(root).database)
    try:
        return [row for table in tables for row in connection.execute(f"select * from {table}")]
    finally:
        connection.close()


@in_one_loop
async def test_another_process_that_has_an_old_revision_open_reads_it_after_builds_and_gc(root: Path) -> None:
    async with opened(root) as workspace:
        await step(workspace, {**FIRST, "tasks/later.sql": "select 1 as x\n"})
        with reading(root) as reader:
            for number in range(2, 5):
                await step(workspace, {**SECOND, "tasks/later.sql": f"select {number} as x\n"})
                await step(workspace, {"data/prices.csv": f"item,price\nc,{number}\n"})
                document = await gc(workspace)
            assert document["oldest_reader"] == 1
            assert kept(document)["reader"] > 3
            assert reader.ask("select total::integer from total") == "[(3,)]"
            assert reader.ask("select item, price from prices order by item") == "[('a', 1), ('b', 2)]"
            assert reader.ask("select x from later") == "[(1,)]"
        document = await gc(workspace)
        assert (document["oldest_reader"], kept(document)) == (None, {"current": 3})
        assert list(Layout(root).held.iterdir()) == []


@contextmanager
def writing(root: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that has opened the file of views to write, until it is told to end."""
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(Layout(root).views)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        yield writer


async def with_a_log(workspace: Workspace) -> None:
    """Build until the file of views has been in its place for so long that changes go into its log."""
    numbers = itertools.count(100)
    while not workspace.world.layout.views_log.exists():
        await step(workspace, {"tasks/later.sql": f"select {next(numbers)} as x\n"})
        await asyncio.sleep(0.1)


@in_one_loop
async def test_who_opened_a_file_that_stays_keeps_what_was_shown_then(root: Path) -> None:
    async with opened(root) as workspace:
        await step(workspace, FIRST)
        await with_a_log(workspace)
        opened_at, file = workspace.world.revision, Layout(root).views.stat().st_ino
        with reading(root) as reader:
            for number in range(2, 5):
                await step(workspace, {**SECOND, "tasks/later.sql": f"select {number} as x\n"})
                await step(workspace, {"data/prices.csv": f"item,price\nc,{number}\n"})
                document = await gc(workspace)
            assert Layout(root).views.stat().st_ino == file
            # It was held for the publication before, and nobody looked at it until the reader had it open.
            assert document["oldest_reader"] == opened_at - 1
            assert reader.ask("select item, price from prices order by item") == "[('a', 1), ('b', 2)]"
            with reading(root) as newer:
                assert newer.ask("select item, price from prices order by item") == "[('c', 4)]"
        document = await gc(workspace)
        assert (document["oldest_reader"], kept(document)) == (None, {"current": 3})


@in_one_loop
async def test_somebody_who_opened_the_views_to_write_takes_nothing_from_others(root: Path) -> None:
    """Caught: at its end DuckDB takes the log into the file that it has, and the log from where it lies now."""
    async with opened(root) as workspace:
        await step(workspace, FIRST)
        await with_a_log(workspace)
        with writing(root) as writer:
            await step(workspace, SECOND)
            await asyncio.sleep(LINGER_S)
            await step(workspace, {"data/prices.csv": "item,price\nc,7\n"})
            writer.communicate()
        with reading(root) as reader:
            assert reader.ask("select item, price from prices") == "[('c', 7)]"


@in_one_loop
async def test_a_reader_outlives_the_owner_of_the_state(root: Path) -> None:
    async with opened(root) as workspace:
        await step(workspace, FIRST)
    with reading(root) as reader:
        async with opened(root) as workspace:
            await step(workspace, SECOND)
        async with opened(root) as workspace:
            assert (await gc(workspace))["oldest_reader"] == 1
        assert reader.ask("select item, price from prices order by item") == "[('a', 1), ('b', 2)]"


@in_one_loop
async def test_views_that_lag_behind_after_a_crash_stay_readable(root: Path) -> None:
    async with opened(root) as workspace:
        await step(workspace, FIRST)
        shutil.copy(Layout(root).views, root / "before.duckdb")
        await step(workspace, SECOND)
        # As if the process had died between the commit and the publication.
        shown = workspace.store.published()
        assert shown is not None
        workspace.store.set_published(replace(shown, revision=1))
    (root / "before.duckdb").replace(Layout(root).views)
    async with opened(root) as workspace:
        assert kept(await gc(workspace)) == {"current": 2, "reader": 2}
        with reading(root) as reader:
            assert reader.ask("select item, price from prices order by item") == "[('a', 1), ('b', 2)]"
            await build(workspace)
            assert (await gc(workspace))["oldest_reader"] == 1
            assert reader.ask("select item, price from prices order by item") == "[('a', 1), ('b', 2)]"


@in_one_loop
async def test_a_new_database_keeps_everything_while_somebody_reads_what_the_old_one_showed(root: Path) -> None:
    async with opened(root) as workspace:
        await step(workspace, FIRST)
    with reading(root) as reader:
        async with opened(root) as workspace:
            await step(workspace, SECOND)
        for suffix in ("", "-wal", "-shm"):
            path = Layout(root).database.with_name(Layout(root).database.name + suffix)
            path.unlink(missing_ok=True)
        async with opened(root) as workspace:
            await build(workspace)
            assert (await gc(workspace))["oldest_reader"] == 0
            assert reader.ask("select item, price from prices order by item") == "[('a', 1), ('b', 2)]"


@in_one_loop
async def test_a_broken_source_goes_on_being_shown_as_it_was(root: Path) -> None:
    async with opened(root) as workspace:
        await step(workspace, FIRST)
        broken = await step(workspace, {"data/prices.csv": "item,price\na,x\n"})
        assert [p["code"] for p in broken["problems"]] == ["schema-drift"]
        await gc(workspace)
        with reading(root) as reader:
            assert reader.ask("select item, price from prices order by item") == "[('a', 1), ('b', 2)]"


@in_one_loop
async def test_where_readers_are_not_seen_what_was_replaced_today_stays(root: Path) -> None:
    async with opened(root) as workspace:
        await step(workspace, FIRST)
        await step(workspace, SECOND)
        workspace.tools.readers.seen = False
        assert kept(await gc(workspace)) == {"current": 2, "reader": 2}
        workspace.tools.readers.believed_s = 0.0
        assert kept(await gc(workspace)) == {"current": 2}


class Dying:
    """An object store whose process dies as the first object is to be unlinked."""

    def __init__(self, workspace: Workspace) -> None:
        self.stored = workspace.tools.objects.stored

    def discard(self, _: object) -> None:
        raise KeyboardInterrupt


@in_one_loop
async def test_a_crash_between_forgetting_and_unlinking_leaves_files_that_the_next_gc_finds(root: Path) -> None:
    async with opened(root) as workspace:
        await step(workspace, FIRST)
        await step(workspace, SECOND)
        before = objects(root)
        tools = workspace.tools
        workspace.tools = replace(tools, objects=Dying(workspace))  # type: ignore[arg-type]
        with pytest.raises(KeyboardInterrupt):
            await gc(workspace)
        workspace.tools = tools
    assert objects(root) == before
    async with opened(root) as workspace:
        assert did(await build(workspace)) == ([], [])
        assert kept(await gc(workspace)) == {"current": 2, "young": 2}, "nothing names them, they may be a build's"
        assert did(await step(workspace, FIRST)) == (["total"], []), "what was forgotten is not restored"
        await step(workspace, SECOND)
        for name in objects(root):
            os.utime(Layout(root).objects / name, (0, 0))
        assert kept(await gc(workspace)) == {"current": 2}
        assert len(objects(root)) == 2


EXTRACTOR = """
import pyarrow
from relspec import extract

@extract(files="notes/*.py")
def notes(file):
    return {"notes": pyarrow.table({"words": [len(file.text().split())]})}
"""


@in_one_loop
async def test_extractions_of_files_as_they_are_stay_and_dropped_ones_are_made_again(root: Path) -> None:
    files = {
        "watch.toml": FORGETFUL,
        "tasks/extracting.py": EXTRACTOR,
        "tasks/words.sql": "select sum(words) as n from notes\n",
        "notes/a.py": "# one two",
        "notes/b.py": "# three",
    }
    async with opened(root) as workspace:
        await step(workspace, files)
        await step(workspace, {"notes/a.py": "# one two four"})
        document = await gc(workspace)
        assert (document["freed"]["extractions"], kept(document)) == (1, {"current": 3})
        assert did(await step(workspace, {"notes/a.py": "# one two"})) == (["words"], [])
    async with opened(root) as workspace:
        assert did(await build(workspace)) == ([], [])
    await compare_with_clean(root, root.with_name("clean"), set())


@in_one_loop
async def test_an_object_that_two_tables_share_stays_while_one_of_them_needs_it(root: Path) -> None:
    async with opened(root) as workspace:
        same = "select 7 as x\n"
        await step(workspace, {"watch.toml": FORGETFUL, "tasks/one.sql": same, "tasks/two.sql": same})
        assert len(objects(root)) == 1
        await step(workspace, {"tasks/one.sql": "select 8 as x\n"})
        assert kept(await gc(workspace)) == {"current": 2}
        assert did(await build(workspace)) == ([], [])


@in_one_loop
async def test_history_goes_and_why_still_has_an_answer_for_every_task(root: Path) -> None:
    async with opened(root) as workspace:
        settings = "[gc]\nauto = false\nkeep_runs = 1\n"
        await step(workspace, {**FIRST, "watch.toml": settings, "tasks/other.sql": "select 1 as x\n"})
        for number in range(4):
            await step(workspace, {"tasks/total.sql": f"select sum(price) + {number} as total from prices\n"})
        assert (await step(workspace, {"data/prices.csv": "item,price\nb,2\na,1\n"}))["cut_off"] == ["total"]
        assert (await gc(workspace))["freed"]["runs"] == 3
        store, world = workspace.store, workspace.world
        assert (store.last_run("total", (Action.EXECUTED,)) or (0,))[0] == 5, "the run that made what is there"
        assert [(store.last_run(name, tuple(Action)) or (0,))[0] for name in ("other", "total")] == [1, 6]
        assert world.run == 6
    async with opened(root) as workspace:
        assert (workspace.world.run, workspace.world.revision) == (6, world.revision)


@in_one_loop
async def test_going_back_and_forth_leaves_one_row_of_what_was_shown(root: Path) -> None:
    async with opened(root) as workspace:
        for files in (FIRST, SECOND, FIRST, SECOND):
            await step(workspace, files)
        await gc(workspace)
    connection = sqlite3.connect(Layout(root).database)
    rows = connection.execute("select role, dataset, since, until from shown order by role").fetchall()
    connection.close()
    assert rows == [("output", "total", 4, None), ("source", "prices", 4, None)]


@in_one_loop
async def test_a_state_of_the_first_schema_is_taken_over_and_nothing_of_it_is_lost(root: Path) -> None:
    async with opened(root) as workspace:
        await step(workspace, FIRST)
    connection = sqlite3.connect(Layout(root).database)
    seals.lift(connection)
    connection.executescript(
        """
        update source set body = json_remove(json_set(body, '$.files', (
          select json_group_array(json(f.body)) from source_file f where f.name = source.name
        )), '$.fixed');
        drop table source_file;
        drop table seal; drop table shown; alter table extraction drop column used_at; pragma user_version = 2;
        delete from _sqlite_migrations where name like '0002%' or name like '0006%' or name like '0007%';
        """
    )
    connection.close()
    async with opened(root) as workspace:
        assert did(await build(workspace)) == ([], [])
        assert kept(await gc(workspace)) == {"current": 2}
        with reading(root) as reader:
            await step(workspace, SECOND)
            assert kept(await gc(workspace)) == {"current": 2, "reader": 2}
            assert reader.ask("select total::integer from total") == "[(3,)]"
    assert [m.name for m in migrations.pending(Database(Layout(root).database))] == []


def n_objects(project: Project) -> int:
    return len(objects(project.root))


def test_the_daemon_drops_when_it_is_asked_and_goes_on(project: Project) -> None:
    project.save("watch.toml", FORGETFUL)
    project.start()
    project.save("tasks/total.sql", "select sum(revenue) + 1 as total from daily\n")
    project.run("build")
    assert n_objects(project) == 3
    code, said = project.run("gc", "--dry-run")
    assert (code, said["freed"]["objects"], n_objects(project)) == (0, 1, 3)
    code, done = project.run("gc")
    assert (code, done["freed"]["objects"], n_objects(project)) == (0, 1, 2)
    project.save("tasks/total.sql", "select sum(revenue) + 2 as total from daily\n")
    assert project.run("build")[1]["executed"] == ["total"]
    assert project.table("total") == [("62",)]


def test_a_daemon_with_nothing_to_do_drops_by_itself_unless_that_is_switched_off(project: Project) -> None:
    project.save("watch.toml", FORGETFUL.replace("auto = false", "auto = true\nidle_s = 1"))
    project.start()
    project.save("tasks/total.sql", "select sum(revenue) + 1 as total from daily\n")
    project.run("build")
    project.wait(lambda: "relspec-watch: freed 1 object (" in project.log.read_text(), "the old object to go")
    assert n_objects(project) == 2
    assert project.run("build")[1]["executed"] == []
    assert project.table("total") == [("61",)]


def test_a_query_that_runs_is_waited_for(project: Project) -> None:
    project.save("watch.toml", FORGETFUL)
    project.start()
    slow = "select count(*) as n from range(25000) a, range(20000) b where a.range + b.range = -1\n"
    project.save("tasks/slow.sql", slow)
    project.save("tasks/total.sql", "select sum(revenue) + 1 as total from daily\n")
    project.wait(lambda: "running: slow" in project.log.read_text(), "the long query to run")
    code, _ = project.run("gc")
    assert code == 0
    assert "executed: slow" in project.log.read_text()
    assert project.run("build")[1]["ok"]
    assert (project.table("slow"), project.table("total")) == ([(0,)], [("61",)])


@in_one_loop
async def test_builds_without_a_daemon_drop_once_a_day_unless_that_is_switched_off(project: Project) -> None:
    project.save("watch.toml", FORGETFUL)
    await project.ask("build")
    project.save("tasks/total.sql", "select sum(revenue) + 1 as total from daily\n")
    await project.ask("build")
    connection = sqlite3.connect(project.root / "state" / "relspec.sqlite")
    seals.prepare(connection)
    connection.execute("insert or replace into setting values ('collected', '1 0.0')")
    connection.commit()
    connection.close()
    await project.ask("build")
    assert n_objects(project) == 3, "switched off"
    project.save("watch.toml", FORGETFUL.replace("auto = false", ""))
    await project.ask("build")
    assert n_objects(project) == 2
    assert (await project.ask("build"))[1]["executed"] == []
