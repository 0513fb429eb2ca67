"""Poison heals: bytes of the state that flipped are found by a check-up, by an idle daemon, and at a start."""

import json
import os
import random
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.app.conftest import Project, in_one_loop
from tests.scenarios.harness import Children, build, compare_with_clean, write

from relspec.app.answers import Answers
from relspec.app.documents import Document
from relspec.app.local import _Once
from relspec.app.workspace import Workspace, open_workspace
from relspec.core.errors import StateError
from relspec.core.health import FREE_BYTES_MIN, Verdict, Vitals, checks_of
from relspec.core.layout import Layout
from relspec.core.state import Delta
from relspec.edges.api import serve
from relspec.edges.objects import Objects
from relspec.edges.store import seals
from relspec.edges.store.database import Store
from relspec.edges.vitals import vitals

FILES: dict[str, str | None] = {
    "data/prices.csv": "item,price\na,1\nb,2\n",
    "tasks/total.sql": "select sum(price) as total from prices\n",
    "tasks/twice.sql": "select total * 2 as twice from total\n",
    "tasks/seen.sql": "-- relspec: kind=view\nselect twice from twice\n",
}
WELL = Vitals(100_000, 128, 1 << 40, None, has_links=True, open_modes=())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    (made / "tasks").mkdir(parents=True)
    write(made, FILES)
    return made


async def doctor(workspace: Workspace) -> Document:
    """Ask as the command does where no daemon lives."""
    once = _Once(workspace, await workspace.look_all(), {}, build=True)
    _, document = await Answers(workspace, pid=None, owner=once).answer("doctor", {})
    return document


def verdicts(document: Document) -> dict[str, str]:
    return {check["name"]: check["verdict"] for check in document["checks"] if check["verdict"] != "ok"}


def spoil(path: Path, rng: random.Random) -> None:
    """Flip a byte somewhere, or cut the file."""
    data = bytearray(path.read_bytes())
    path.chmod(0o600)
    if rng.random() < 0.3:
        data = data[: rng.randrange(len(data))]
    else:
        data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
    # In place: a table is a link to its object, and rots with it.
    path.write_bytes(data)


def rot(path: Path) -> None:
    """Change bytes as a bad disk does: nothing else of the file moves."""
    before = path.stat()
    path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@in_one_loop
async def test_a_check_up_of_a_sound_project_finds_nothing_and_builds_nothing(root: Path, children: Children) -> None:
    with children.lent():
        async with open_workspace(Layout(root), lambda _: None) as workspace:
            assert verdicts(await doctor(workspace)) == {}
            assert workspace.world.revision == 0
            await build(workspace)
            document = await doctor(workspace)
            assert (verdicts(document), document["ok"], document["damaged"]) == ({}, True, [])
            assert workspace.world.revision == 1


@in_one_loop
async def test_a_damaged_object_is_dropped_and_what_rests_on_it_made_again(root: Path, children: Children) -> None:
    with children.lent():
        async with open_workspace(Layout(root), lambda _: None) as workspace:
            await build(workspace)
            content = workspace.world.outputs["total"].content
            spoil(Path(Layout(root).object(content)), random.Random(1))
            document = await doctor(workspace)
            assert verdicts(document) == {"objects": "mended"}
            assert document["damaged"] == [content]
            assert verdicts(await doctor(workspace)) == {}
        await compare_with_clean(root, root.with_name("clean"), set())


@in_one_loop
async def test_a_lost_object_and_lost_tables_are_made_again(root: Path, children: Children) -> None:
    with children.lent():
        async with open_workspace(Layout(root), lambda _: None) as workspace:
            await build(workspace)
            Path(Layout(root).object(workspace.world.outputs["twice"].content)).unlink()
            (Layout(root).tables / "twice.parquet").unlink()
            assert verdicts(await doctor(workspace)) == {"objects": "mended", "tables": "mended"}
            assert verdicts(await doctor(workspace)) == {}
        await compare_with_clean(root, root.with_name("clean"), set())


@in_one_loop
async def test_a_file_of_views_that_rots_is_shown_anew(root: Path, children: Children) -> None:
    with children.lent():
        async with open_workspace(Layout(root), lambda _: None) as workspace:
            await build(workspace)
            rot(Layout(root).views)
            assert verdicts(await doctor(workspace)) == {"tables": "mended"}
            assert verdicts(await doctor(workspace)) == {}
        await compare_with_clean(root, root.with_name("clean"), set())


@in_one_loop
async def test_rows_that_are_written_over_and_dropped_are_no_rot(root: Path, children: Children) -> None:
    with children.lent():
        async with open_workspace(Layout(root), lambda _: None) as workspace:
            await build(workspace)
        # Apart: migrations, which come with the first life of a database, set what triggers need by themselves.
        async with open_workspace(Layout(root), lambda _: None) as workspace:
            write(root, {"tasks/total.sql": "select max(price) as total from prices\n", "tasks/seen.sql": None})
            assert (await build(workspace))["executed"] == ["total", "twice"]
            assert workspace.store.faults() == ()
        async with open_workspace(Layout(root), lambda _: None) as workspace:
            assert workspace.store.aside is None
            assert workspace.world.revision == 2


@in_one_loop
async def test_a_rotten_object_does_not_keep_a_file_of_views_from_being_made_anew(
    root: Path, children: Children
) -> None:
    # Each build ended with "cannot publish", and nothing but a check-up found out why.
    layout = Layout(root)
    with children.lent():
        async with open_workspace(layout, lambda _: None) as workspace:
            await build(workspace)
            content = workspace.world.outputs["total"].content
        Path(layout.object(content)).chmod(0o600)
        Path(layout.object(content)).write_bytes(b"rotten")
        layout.views.unlink()
        async with open_workspace(layout, lambda _: None) as workspace:
            once = _Once(workspace, await workspace.look_all(), {}, build=True)
            code, document = await Answers(workspace, pid=None, owner=once).answer("build", {})
            assert (code, document["executed"], document["problems"]) == (0, ["total"], [])
        await compare_with_clean(root, root.with_name("clean"), set())


@in_one_loop
@pytest.mark.parametrize("seed", range(6))
async def test_whatever_of_the_state_rots_a_check_up_and_a_build_make_it_as_new(
    root: Path, children: Children, seed: int
) -> None:
    rng, layout = random.Random(seed), Layout(root)
    with children.lent():
        async with open_workspace(layout, lambda _: None) as workspace:
            await build(workspace)
        candidates = [*sorted(layout.objects.iterdir()), layout.database, layout.views]
        for path in rng.sample(candidates, 2):
            spoil(path, rng)
        async with open_workspace(layout, lambda _: None) as workspace:
            await doctor(workspace)
            await build(workspace)
            assert {k: v for k, v in verdicts(await doctor(workspace)).items() if k != "room"} == {}
        await compare_with_clean(root, root.with_name("clean"), set())


def test_a_database_with_a_text_that_is_none_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "relspec.sqlite"
    Store.open(path, "one").close()
    with sqlite3.connect(path) as connection:
        seals.lift(connection)
        connection.execute("insert into setting values ('toolchain', cast(x'ff41' as text))")
    connection.close()
    found = Store.open(path, "two")
    found.close()
    assert found.aside is not None
    assert Path(found.aside.path).exists()
    again = Store.open(path, "three")
    assert again.aside is None
    again.close()


def change_a_letter(database: Path, before: bytes, after: bytes) -> None:
    """Change bytes within a row, which leave every page in order."""
    data = database.read_bytes()
    assert before in data
    database.write_bytes(data.replace(before, after, 1))


def test_a_row_that_rotted_is_found_said_once_and_made_again(project: Project) -> None:
    project.run("build")
    database = Layout(project.root).database
    # Unfound, the next row of data would be summed by another query than the file's.
    change_a_letter(database, b"sum(", b"max(")
    code, document = project.run("doctor")
    aside = min(database.parent.glob("*.corrupt-*"))
    (said,) = [check for check in document["checks"] if check["name"] == "database"]
    assert (code, said["verdict"]) == (0, "mended")
    assert f"lies in {aside}" in said["message"]
    (line,) = (Layout(project.root).log / "daemon.jsonl").read_text().splitlines()
    assert json.loads(line)["event"] == "set-aside"
    assert json.loads(line)["path"] == str(aside)
    assert verdicts(project.run("doctor")[1]) == {}
    assert project.run("build")[1]["executed"] == []
    assert project.table("total") == [("60",)]


@pytest.mark.parametrize(
    ("before", "after"), [(b'row_hash(old."path"', b'row_hash(old."pa\x82h"'), (b"the_worth", b"the_wortH")]
)
def test_a_text_of_the_schema_that_rotted_is_found(tmp_path: Path, before: bytes, after: bytes) -> None:
    path = tmp_path / "relspec.sqlite"
    store = Store.open(path, "one")
    store.commit(Delta(toolchain="the_worth"))
    store.checkpoint()
    store.close()
    change_a_letter(path, before, after)
    found = Store.open(path, "two")
    assert found.aside is not None
    found.commit(Delta(files={"a": None}, toolchain="another"))
    assert found.faults() == ()
    found.close()


def test_a_daemon_says_that_the_database_was_set_aside(project: Project) -> None:
    project.run("build")
    change_a_letter(Layout(project.root).database, b"sum(", b"max(")
    project.start()
    project.wait(lambda: "ready: " in project.log.read_text(), "it to be ready")
    assert project.log.read_text().count("the database of the state was damaged (rows of ") == 1


def test_a_row_that_rots_under_a_daemon_is_found_by_a_check_up_whatever_is_written_over_it(tmp_path: Path) -> None:
    path = tmp_path / "relspec.sqlite"
    store = Store.open(path, "one")
    store.commit(Delta(toolchain="older"))
    store.commit(Delta(toolchain="sound"))
    assert store.faults() == ()
    store.checkpoint()
    store.close()
    change_a_letter(path, b"sound", b"found")
    connection = sqlite3.connect(path)
    seals.prepare(connection)
    connection.execute("insert or replace into setting values ('toolchain', 'newer')")
    assert seals.broken(connection) == ("setting",)
    connection.close()
    healed = Store.open(path, "two")
    assert healed.aside is not None
    assert healed.faults() == ()
    healed.close()


def test_the_command_mends_under_a_daemon_too(project: Project) -> None:
    project.start()
    code, document = project.run("doctor")
    assert (code, document["ok"], document["damaged"]) == (0, True, [])
    assert document["daemon"]["pid"] == project.daemon.pid if project.daemon else False
    for path in Layout(project.root).objects.iterdir():
        spoil(path, random.Random(3))
    layout = Layout(project.root)
    layout.views.write_bytes(b"no database")
    code, document = project.run("doctor")
    assert verdicts(document) == {"objects": "mended", "tables": "mended"}
    assert document["damaged"]
    assert verdicts(project.run("doctor")[1]) == {}
    assert project.run("show", "total")[0] == 0


def test_an_idle_daemon_finds_what_has_rotted(project: Project) -> None:
    project.save("watch.toml", "[watch]\naudit_s = 1\n")
    project.start()
    layout = Layout(project.root)
    victim = max(layout.objects.iterdir())
    spoil(victim, random.Random(5))
    objects = Objects(layout)
    assert objects.damaged([victim.stem]) == (victim.stem,)
    project.wait(lambda: objects.has(victim.stem) and objects.damaged([victim.stem]) == (), "it to be made again")
    table = next(layout.tables.iterdir())
    place = layout.views.stat().st_ino
    table.unlink()
    project.wait(
        lambda: table.exists() and layout.views.stat().st_ino != place, "the table to be shown again, and all else"
    )
    rot(layout.views)
    # The log goes before the file that takes the rotten one's place: only that one can be opened.
    rotten = layout.views.read_bytes()
    project.wait(lambda: layout.views.read_bytes() != rotten, "the views to be shown again")
    assert project.table("total") == [("60",)]


def test_a_folder_in_the_place_of_a_table_is_taken_away_where_it_is_empty(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for folder in (layout.objects, layout.tables, layout.temporary):
        folder.mkdir(parents=True)
    Path(layout.object("a" * 32)).write_bytes(b"table")
    objects = Objects(layout)
    place = layout.tables / "total.parquet"
    place.mkdir()
    objects.show("total", "a" * 32)
    assert place.read_bytes() == b"table"
    objects.hide("total")
    place.mkdir()
    objects.hide("total")
    assert not place.exists()
    place.mkdir()
    (place / "mine").touch()
    with pytest.raises(StateError, match="a folder with files in it is in the way"):
        objects.show("total", "a" * 32)
    with pytest.raises(StateError, match="cannot take"):
        objects.hide("total")
    assert (place / "mine").exists()


def test_a_slice_goes_round_and_keeps_to_its_size(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.objects.mkdir(parents=True)
    names = [digit * 32 for digit in "abcd"]
    for name in names:
        Path(layout.object(name)).write_bytes(b"x" * 100)
    objects = Objects(layout)
    assert objects.slice(names, "", 250) == (names[0], names[1])
    assert objects.slice(names, names[1], 250) == (names[2], names[3])
    assert objects.slice(names, names[3], 10) == (names[0],)
    assert objects.slice(names, names[2], 10_000) == (names[3], *names[:3])
    assert objects.slice([], "", 10) == ()


async def test_a_daemon_and_what_a_killed_one_left_are_told_apart(root: Path) -> None:
    layout = Layout(root)
    layout.temporary.mkdir(parents=True)
    assert (vitals(layout).socket, vitals(layout).left_behind) == (None, ())
    (layout.temporary / "deep").mkdir()
    (layout.temporary / "deep" / "spilled").write_bytes(b"x" * 1000)
    assert vitals(layout).temporary_bytes >= 1000
    async with serve(layout, lambda *_: pytest.fail("nobody asks")):
        assert (vitals(layout).socket, vitals(layout).left_behind) == (str(layout.socket), ())
        card = json.loads(layout.card.read_bytes())
        layout.card.write_text(json.dumps({**card, "pid": 1}))
        assert vitals(layout).left_behind == (str(layout.card), str(layout.socket))


@pytest.mark.parametrize(
    ("said", "n_folders", "name", "verdict"),
    [
        (WELL, 10, "watches", Verdict.OK),
        (WELL, 60_000, "watches", Verdict.NOTE),
        (WELL, 100_000, "watches", Verdict.WRONG),
        (Vitals(None, None, 1 << 40, None, True, ()), 10, "watches", Verdict.NOTE),
        (Vitals(9, 9, 1 << 40, "nfs4", True, ()), 1, "file-system", Verdict.NOTE),
        (Vitals(9, 9, 1 << 40, None, False, ()), 1, "file-system", Verdict.NOTE),
        (Vitals(9, 9, FREE_BYTES_MIN - 1, None, True, ()), 1, "room", Verdict.WRONG),
        (Vitals(9, 9, 1 << 40, None, True, ("state",)), 1, "permissions", Verdict.WRONG),
        (replace(WELL, socket="state/daemon.sock"), 1, "daemon", Verdict.OK),
        (replace(WELL, left_behind=("state/daemon.json",)), 1, "daemon", Verdict.NOTE),
    ],
)
def test_a_machine_is_judged_by_what_it_says(said: Vitals, n_folders: int, name: str, verdict: Verdict) -> None:
    found = {check.name: check for check in checks_of(said, n_folders)}
    assert found[name].verdict is verdict
    assert all(check.verdict is not Verdict.WRONG or check.hint for check in found.values())
