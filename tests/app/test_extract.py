"""Extractors in real projects: which files they see, and what the tables show.

Breaks that were caught: all files looked at for each save; a build that was cancelled after it had extracted forgot to
show that; a table of declared columns missing where there is no file; a file whose extraction the machine made fail
passed by for good; parts looked for where the project was before it was copied.
"""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.app.conftest import in_one_loop, opened
from tests.scenarios.harness import TOUCHED, build, compare_with_clean, write

from relspec.app.documents import Document
from relspec.app.extract import FILES_A_PROCESS
from relspec.app.trouble import try_files_again
from relspec.app.workspace import Workspace
from relspec.core.layout import Layout
from relspec.core.problem import Problem
from relspec.core.work import Extract, Extracted
from relspec.edges.loader.client import Session

pytestmark = pytest.mark.usefixtures("lent")

WORDS = """
import pyarrow
from relspec import extract
from helper import parted

TABLES = {
    "words": pyarrow.schema([("path", pyarrow.string()), ("word", pyarrow.string())]),
    "sizes": pyarrow.schema([("path", pyarrow.string()), ("size", pyarrow.int64())]),
}

@extract(files="notes/**/*.txt", tables=TABLES)
def words(file):
    words = parted(file.text())
    if "boom" in words:
        raise ValueError("boom")
    return {
        "words": pyarrow.table({"path": [file.relative] * len(words), "word": words}, schema=TABLES["words"]),
        "sizes": pyarrow.table({"path": [file.path], "size": [len(words)]}, schema=TABLES["sizes"]),
    }
"""
FIRST: Mapping[str, str | None] = {
    "tasks/helper.py": "def parted(text):\n    return text.split()\n",
    "tasks/extracting.py": WORDS,
    "tasks/n_words.sql": "select word, count(*) as n from words group by word\n",
    "tasks/total.sql": "select sum(size)::bigint as total from sizes\n",
    "notes/a.txt": "one two",
    "notes/deep/b.txt": "two three",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    write(tmp_path / "project", dict(FIRST))
    return tmp_path / "project"


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that extractors are called for, in that order; `N sessions` where there are several."""
    found: list[str] = []
    plain, beside = Session.extract, Session.beside

    async def extract(self: Session, request: Extract) -> Extracted | Problem:
        found.append(request.shown)
        return await plain(self, request)

    def another(self: Session) -> Session:
        found.append("another session")
        return beside(self)

    monkeypatch.setattr(Session, "extract", extract)
    monkeypatch.setattr(Session, "beside", another)
    return found


async def step(workspace: Workspace, seen: list[str], files: Mapping[str, str | None]) -> tuple[list[str], Document]:
    """Save some files and build: the files that were extracted, and the answer."""
    seen.clear()
    write(workspace.world.layout.root, dict(files))
    document = await build(workspace)
    return sorted(seen), document


def rows(root: Path, name: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(Layout(root).views, read_only=True) as connection:
        return connection.execute(f"from {name} order by all").fetchall()


@in_one_loop
async def test_a_save_costs_its_file_and_what_its_rows_move(root: Path, seen: list[str]) -> None:
    async with opened(root) as workspace:
        extracted, document = await step(workspace, seen, {})
        assert (extracted, document["problems"]) == (["notes/a.txt", "notes/deep/b.txt"], [])
        assert rows(root, "words") == [
            ("a.txt", "one"),
            ("a.txt", "two"),
            ("deep/b.txt", "three"),
            ("deep/b.txt", "two"),
        ]
        assert rows(root, "sizes") == [("notes/a.txt", 2), ("notes/deep/b.txt", 2)]
        extracted, document = await step(workspace, seen, {"notes/a.txt": "one four"})
        assert (extracted, document["executed"]) == (["notes/a.txt"], ["n_words"])
        extracted, document = await step(workspace, seen, {"notes/a.txt": "one two"})
        assert (extracted, document["restored"]) == (["notes/a.txt"], ["n_words"]), "other bytes, and known ones"
        assert (await step(workspace, seen, {}))[0] == []
    async with opened(root) as workspace:
        extracted, document = await step(workspace, seen, {})
        assert (extracted, document["executed"]) == ([], [])
    await compare_with_clean(root, root.with_name("clean"), set())


@in_one_loop
async def test_a_touch_calls_no_extractor(root: Path, seen: list[str]) -> None:
    counted = root.parent / "calls"
    write(
        root,
        {"tasks/extracting.py": WORDS.replace("    if", f"    print('x', file=open({str(counted)!r}, 'a'))\n    if")},
    )
    async with opened(root) as workspace:
        await step(workspace, seen, {})
        assert counted.read_text() == "x\n" * 2
        _, document = await step(workspace, seen, {"notes/a.txt": TOUCHED})
        assert (counted.read_text(), document["executed"], document["recompiled"]) == ("x\n" * 2, [], [])


@in_one_loop
async def test_a_file_that_goes_or_is_renamed_takes_its_rows_along(root: Path, seen: list[str]) -> None:
    async with opened(root) as workspace:
        await step(workspace, seen, {})
        (root / "notes/a.txt").rename(root / "notes/c.txt")
        extracted, document = await step(workspace, seen, {})
        assert (extracted, document["executed"]) == (["notes/c.txt"], []), "no task reads the path"
        assert rows(root, "sizes") == [("notes/c.txt", 2), ("notes/deep/b.txt", 2)]
        extracted, document = await step(workspace, seen, {"notes/c.txt": None})
        assert (extracted, document["executed"]) == ([], ["n_words", "total"])
        assert rows(root, "n_words") == [("three", 1), ("two", 1)]
        extracted, document = await step(workspace, seen, {"notes/deep/b.txt": None})
        assert (extracted, document["problems"]) == ([], [])
        assert (rows(root, "words"), rows(root, "n_words"), rows(root, "total")) == ([], [], [(None,)])
    await compare_with_clean(root, root.with_name("clean"), set())


@in_one_loop
async def test_a_file_that_fails_loses_its_own_rows_alone_until_it_is_repaired(root: Path, seen: list[str]) -> None:
    async with opened(root) as workspace:
        await step(workspace, seen, {})
        extracted, document = await step(workspace, seen, {"notes/a.txt": "boom"})
        (problem,) = document["problems"]
        assert (extracted, problem["code"], problem["path"], problem["line"]) == (
            ["notes/a.txt"],
            "extractor",
            "tasks/extracting.py",
            15,
        )
        assert "words failed on notes/a.txt: ValueError: boom" in problem["message"]
        assert rows(root, "sizes") == [("notes/deep/b.txt", 2)]
        extracted, document = await step(workspace, seen, {"notes/deep/b.txt": "two"})
        assert (extracted, len(document["problems"])) == (["notes/deep/b.txt"], 1)
        extracted, document = await step(workspace, seen, {"notes/a.txt": "five"})
        assert (extracted, document["problems"]) == (["notes/a.txt"], [])
    await compare_with_clean(root, root.with_name("clean"), set())


@in_one_loop
async def test_an_extractor_whose_process_dies_is_tried_again_when_somebody_asks(root: Path, seen: list[str]) -> None:
    token = root.parent / "token"
    token.touch()
    dying = WORDS.replace(
        "    if",
        f"    import os\n    if 'two' in words and os.path.exists({str(token)!r}):\n        os._exit(3)\n    if",
    )
    write(root, {"tasks/extracting.py": dying, "notes/deep/b.txt": "three"})
    async with opened(root) as workspace:
        _, document = await step(workspace, seen, {})
        assert [(p["code"], p["path"]) for p in document["problems"]] == [("crash", "notes/a.txt")]
        assert rows(root, "sizes") == [("notes/deep/b.txt", 1)]
        token.unlink()
        assert (await step(workspace, seen, {"notes/deep/b.txt": "four"}))[0] == ["notes/deep/b.txt"]
        try_files_again(workspace.world)
        extracted, document = await step(workspace, seen, {})
        assert (extracted, document["problems"]) == (["notes/a.txt"], [])


@in_one_loop
async def test_an_extractor_that_is_saved_before_it_runs_gives_nothing_for_what_it_was(
    root: Path, seen: list[str]
) -> None:
    changed = WORDS.replace("[len(words)]", "[100 * len(words)]")
    async with opened(root) as workspace:
        await step(workspace, seen, {})
        write(root, {"notes/a.txt": "one two three"})
        changes = await workspace.look_all()
        write(root, {"tasks/extracting.py": changed})
        await workspace.build(changes)
        assert rows(root, "sizes") == [("notes/a.txt", 2), ("notes/deep/b.txt", 2)], "as it was, until the next look"
        await step(workspace, seen, {})
        assert rows(root, "sizes") == [("notes/a.txt", 300), ("notes/deep/b.txt", 200)]
        await step(workspace, seen, {"tasks/extracting.py": WORDS})
        assert rows(root, "sizes") == [("notes/a.txt", 3), ("notes/deep/b.txt", 2)]


@in_one_loop
async def test_a_file_is_extracted_again_whose_object_is_lost(root: Path, seen: list[str]) -> None:
    async with opened(root) as workspace:
        await step(workspace, seen, {})
        sizes = next(file.taken for file in workspace.world.sources["sizes"].files if file.path == "notes/a.txt")
        assert sizes is not None
        Path(sizes.part.path).unlink()
        extracted, document = await step(workspace, seen, {"tasks/total.sql": "select max(size) as total from sizes\n"})
        extracted, document = await step(workspace, seen, {})
        assert (extracted, document["problems"]) == (["notes/a.txt"], [])
        assert rows(root, "total") == [(2,)]


@in_one_loop
async def test_while_an_extractor_does_not_load_its_readers_wait_and_nothing_is_lost(
    root: Path, seen: list[str]
) -> None:
    broken = {"tasks/extracting.py": f"{WORDS}\ndef (\n", "notes/a.txt": "one"}
    async with opened(root) as workspace:
        await step(workspace, seen, {})
        extracted, document = await step(workspace, seen, broken)
        assert (extracted, document["blocked"]) == ([], ["n_words", "total"])
        assert [(p["code"], p["path"]) for p in document["problems"]] == [("syntax", "tasks/extracting.py")]
        assert rows(root, "sizes") == [("notes/a.txt", 2), ("notes/deep/b.txt", 2)], "as it was"
    async with opened(root) as workspace:
        extracted, document = await step(workspace, seen, {"notes/deep/b.txt": None})
        assert (extracted, document["blocked"], len(document["problems"])) == ([], ["n_words", "total"], 1)
        extracted, document = await step(workspace, seen, {"tasks/extracting.py": WORDS})
        assert (extracted, document["executed"], document["problems"]) == (["notes/a.txt"], ["n_words", "total"], [])
        assert rows(root, "sizes") == [("notes/a.txt", 1)]
    await compare_with_clean(root, root.with_name("clean"), set())


@in_one_loop
async def test_an_edited_extractor_extracts_again_and_a_comment_does_not(root: Path, seen: list[str]) -> None:
    both = ["notes/a.txt", "notes/deep/b.txt"]
    async with opened(root) as workspace:
        await step(workspace, seen, {})
        assert (await step(workspace, seen, {"tasks/extracting.py": f"# A comment.\n{WORDS}"}))[0] == []
        helper = "def parted(text):\n    return sorted(text.split())\n"
        extracted, document = await step(workspace, seen, {"tasks/helper.py": helper})
        assert (extracted, document["executed"]) == (both, []), "the order of rows is not content"
        extracted, document = await step(workspace, seen, {"tasks/helper.py": FIRST["tasks/helper.py"]})
        assert (extracted, document["executed"]) == ([], []), "it is the code of before"


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('"sizes": pyarrow.table(', '"size": pyarrow.table(', "a table 'size' that it does not declare"),
        ("    return {", "    return {} and {", "no table 'sizes', which it declares"),
        ('"size": [len(words)]}, schema=TABLES["sizes"]', '"size": ["x"]}', "column 'size' is VARCHAR, not BIGINT"),
        ('"size": [len(words)]}, schema=TABLES["sizes"]', '"sise": [1]}', "column 'size' is missing; column 'sise' is"),
        (
            '{"path": [file.path], "size": [len(words)]}, schema=TABLES["sizes"]',
            '{"size": [1], "path": ["x"]}',
            "order",
        ),
        ("    return {", '    return {"more": pyarrow.table({"x": [1]}),', "a table 'more' that it does not declare"),
    ],
)
@in_one_loop
async def test_other_tables_than_declared_are_a_problem(
    root: Path, seen: list[str], before: str, after: str, says: str
) -> None:
    assert before in WORDS
    write(root, {"tasks/extracting.py": WORDS.replace(before, after), "notes/deep/b.txt": None})
    async with opened(root) as workspace:
        _, document = await step(workspace, seen, {})
        (problem,) = document["problems"]
        assert (problem["code"], problem["path"], problem["hint"] is not None) == (
            "extractor",
            "tasks/extracting.py",
            True,
        )
        assert says in problem["message"]
        assert "words on notes/a.txt" in problem["message"]
        assert rows(root, "sizes") == []


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("3", "tables must be Arrow schemas by name, not 3"),
        ("{}", "tables must be Arrow schemas by name"),
        ("{'x': 'BIGINT'}", "'x' is declared as 'BIGINT', which is no pyarrow.Schema"),
        ("{'a b': pyarrow.schema([])}", "cannot be the output"),
        ("{'x': pyarrow.schema([('a', pyarrow.int8()), ('A', pyarrow.int8())])}", "two columns 'A'"),
        ("{'x': pyarrow.schema([('a', pyarrow.month_day_nano_interval())])}", "cannot be stored"),
    ],
)
@in_one_loop
async def test_tables_that_cannot_be_are_a_wrong_declaration(
    root: Path, seen: list[str], option: str, says: str
) -> None:
    write(root, {"tasks/extracting.py": WORDS.replace("tables=TABLES", f"tables={option}")})
    async with opened(root) as workspace:
        _, document = await step(workspace, seen, {})
    found = [p for p in document["problems"] if p["code"] == "declaration"]
    assert [(p["path"], says in p["message"]) for p in found] == [("tasks/extracting.py", True)], document["problems"]


@in_one_loop
async def test_the_settings_point_an_extractor_at_other_files(root: Path, seen: list[str]) -> None:
    elsewhere = root.parent / "elsewhere"
    write(elsewhere, {"pack/x.txt": "six", "pack/in/y.txt": "seven", "other.txt": "eight"})
    async with opened(root) as workspace:
        await step(workspace, seen, {})
        files = {"watch.toml": f'[extractors]\nwords = "{elsewhere}/./pack/**/*.txt"\n'}
        extracted, document = await step(workspace, seen, files)
        assert (extracted, document["problems"]) == ([f"{elsewhere}/pack/in/y.txt", f"{elsewhere}/pack/x.txt"], [])
        assert rows(root, "words") == [("pack/in/y.txt", "seven"), ("pack/x.txt", "six")]
        write(elsewhere, {"pack/x.txt": "six nine"})
        assert (await step(workspace, seen, {}))[0] == [f"{elsewhere}/pack/x.txt"]
        files = {"watch.toml": f'[extractors]\nwords = "{elsewhere}/pack/**/*.txt"\n'}
        assert len((await step(workspace, seen, files))[0]) == 2, "files have other names now"
        assert rows(root, "words") == [("in/y.txt", "seven"), ("x.txt", "nine"), ("x.txt", "six")]
        files = {"watch.toml": '[extractors]\nworts = "notes/*.txt"\n'}
        _, document = await step(workspace, seen, files)
        assert rows(root, "words") == [
            ("a.txt", "one"),
            ("a.txt", "two"),
            ("deep/b.txt", "three"),
            ("deep/b.txt", "two"),
        ]
        (problem,) = document["problems"]
        assert (problem["code"], problem["path"], problem["line"]) == ("config", "watch.toml", 2)
        assert (problem["message"], problem["hint"]) == (
            "extractors.worts: there is no extractor of that name",
            "did you mean 'words'?",
        )


@in_one_loop
async def test_many_files_are_extracted_by_several_processes(root: Path, seen: list[str]) -> None:
    many = {f"notes/{i}.txt": f"w{i}" for i in range(4 * FILES_A_PROCESS)}
    async with opened(root) as workspace:
        extracted, document = await step(workspace, seen, many)
        assert extracted == sorted([*many, "notes/a.txt", "notes/deep/b.txt", "another session"])
        assert rows(root, "total") == [(4 * FILES_A_PROCESS + 4,)]
        extracted, document = await step(workspace, seen, {"notes/3.txt": "changed"})
        assert (extracted, document["executed"]) == (["notes/3.txt"], ["n_words"])
    await compare_with_clean(root, root.with_name("clean"), set())


@in_one_loop
async def test_what_a_cancelled_build_extracted_is_shown_by_the_next(
    root: Path, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(root) as workspace:
        await step(workspace, seen, {})
        write(root, {"notes/a.txt": "seven", "notes/deep/b.txt": "eight"})
        plain, waiting = Session.extract, asyncio.Event()

        async def extract(self: Session, request: Extract) -> Extracted | Problem:
            if request.shown == "notes/deep/b.txt":
                waiting.set()
                await asyncio.get_running_loop().create_future()
            return await plain(self, request)

        with monkeypatch.context() as patched:
            patched.setattr(Session, "extract", extract)
            building = asyncio.ensure_future(workspace.build(await workspace.look_all()))
            await waiting.wait()
            building.cancel()
            with pytest.raises(asyncio.CancelledError):
                await building
        extracted, document = await step(workspace, seen, {})
        assert (extracted, document["executed"]) == (["notes/deep/b.txt"], ["n_words", "total"])
        assert rows(root, "n_words") == [("eight", 1), ("seven", 1)]


@in_one_loop
async def test_a_copied_project_reads_its_own_objects(root: Path, seen: list[str]) -> None:
    files = {"notes/a.py": "one", "notes/a.txt": None, "notes/deep/b.txt": None}
    async with opened(root) as workspace:
        await step(workspace, seen, files | {"tasks/extracting.py": WORDS.replace("*.txt", "*.py")})
    copy = root.with_name("copy")
    shutil.copytree(root, copy)
    shutil.rmtree(root)
    async with opened(copy) as workspace:
        extracted, document = await step(workspace, seen, {"tasks/total.sql": "select max(size) as total from sizes\n"})
        assert (extracted, document["executed"], document["problems"]) == ([], ["total"], [])
