"""Scans of real files. The truth is always what a new instance finds in a scan of everything."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from relspec.core.digest import content_of
from relspec.core.errors import InputMovedError
from relspec.core.layout import Layout
from relspec.core.problem import Code, Problem
from relspec.core.settings import Settings, SourceSpec, WatchSettings
from relspec.core.settle import changes_between
from relspec.core.tree import Scan
from relspec.edges.files import Files, being_written, scan

DEFAULTS = Settings()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    for folder in ("tasks", "data", "state"):
        (project / folder).mkdir(parents=True)
    return project


@pytest.fixture(autouse=True)
def _no_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take data in at once; the tests of the tick set it back."""
    monkeypatch.setattr(scan, "TICK_NS", 0)


def put(root: Path, path: str, text: str = "x") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def whole(root: Path, settings: Settings = DEFAULTS) -> Scan:
    return Files(Layout(root), settings).scan(None, {})


def paths(found: Scan) -> list[str]:
    return sorted(found.tree)


def hint(*paths: Path) -> frozenset[str]:
    return frozenset(str(path) for path in paths)


def seen(scan: Scan) -> Scan:
    """A look without what it went by."""
    return replace(scan, touched=None)


def test_what_belongs_to_a_project_is_found_and_nothing_else(root: Path) -> None:
    wanted = ["watch.toml", "helper.py", "tasks/a.sql", "tasks/deep/er/b.py", "data/c.csv", "data/d/e.PARQUET"]
    others = [
        "notes.md",
        "a.sql",
        "lib/f.py",
        "tasks/readme.md",
        "tasks/g.csv",
        "data/h.txt",
        "data/i.sql",
        "x/data/j.csv",
    ]
    ignored = [".git/k.py", "tasks/.hidden/l.sql", "tasks/.m.sql", "tasks/n.sql~", "tasks/.#o.sql", "tasks/#p.sql#"]
    ignored += [
        "data/tmp_q.parquet",
        "data/r.csv.tmp",
        "tasks/__pycache__/s.py",
        "tasks/node_modules/t.py",
        "tasks/4913",
    ]
    ignored += ["tasks/env/pyvenv.cfg", "tasks/env/lib/u.py", "state/v.py", "state/tmp/w.parquet"]
    for path in wanted + others + ignored:
        put(root, path)
    assert paths(whole(root)) == sorted(wanted)


def test_sources_extractors_and_imports_widen_the_scope(root: Path, tmp_path: Path) -> None:
    outside = put(tmp_path, "elsewhere/2024/part.bin")
    for path in ("in/a-1.txt", "in/a-2.txt", "in/b.txt", "in/deep/a-3.txt", "src/m/n.py", "lib/o.py", "lib/p.py"):
        put(root, path)
    put(root, "lib/q/__init__.py")
    put(root, "in/tmp_exact.csv")
    specs = [
        SourceSpec("a", "in/a-*.txt", None, (), None),
        SourceSpec("exact", "in/tmp_exact.csv", None, (), None),
        SourceSpec("far", f"{tmp_path}/elsewhere/*/*.bin", None, (), None),
    ]
    files = Files(Layout(root), Settings())
    assert paths(files.scan(None, {})) == []
    assert files.configure(Settings(sources=tuple(specs)))
    assert files.extend(["src/**/*.py"], ["lib/o.py"], ["lib.q", "lib.none"])
    assert not files.extend(["src/**/*.py"], ["lib/o.py"], ["lib.q", "lib.none"])
    expected = [str(outside), "in/a-1.txt", "in/a-2.txt", "in/tmp_exact.csv", "lib/o.py", "lib/q/__init__.py"]
    assert paths(files.scan(None, {})) == [*expected, "src/m/n.py"]
    found = {os.path.relpath(folder, root) for folder in files.directories()}
    assert found == {".", "tasks", "data", "in", "src", "src/m", "lib", "lib/q", "../elsewhere", "../elsewhere/2024"}


def test_ignore_globs_of_the_settings(root: Path) -> None:
    for path in ("data/a.csv", "data/b-old.csv", "data/skip/c.csv", "data/deep/skip/d.csv", "tasks/e.sql"):
        put(root, path)
    settings = Settings(watch=WatchSettings(ignore=("*-old.csv", "skip/", "tasks/*.sql")))
    assert paths(whole(root, settings)) == ["data/a.csv"]


def test_folders_of_code_that_git_ignores_are_passed_by(root: Path) -> None:
    (root / ".gitignore").write_text("gen/\n*.sql\ndata\n/tasks/old/\n")
    for path in ("tasks/a.sql", "tasks/gen/b.sql", "tasks/deep/gen/c.sql", "tasks/old/d.sql", "tasks/deep/old/e.sql"):
        put(root, path)
    put(root, "data/gen/f.csv")
    files = Files(Layout(root), Settings())
    found = files.scan(None, {})
    assert paths(found) == ["data/gen/f.csv", "tasks/a.sql", "tasks/deep/old/e.sql"]
    watched = {os.path.relpath(folder, root) for folder in files.directories()}
    assert watched == {".", "data", "data/gen", "tasks", "tasks/deep", "tasks/deep/old"}
    put(root, "tasks/gen/late.sql")
    assert paths(files.scan(hint(root / "tasks/gen/late.sql", root / "tasks/gen"), found.tree)) == paths(found)
    settings = Settings(watch=WatchSettings(gitignore=False))
    assert len(whole(root, settings).tree) == 7


def test_what_was_asked_for_is_found_though_git_ignores_it(root: Path) -> None:
    (root / ".gitignore").write_text("gen/\nlib/\nmore/\n")
    for path in (
        "tasks/gen/a.sql",
        "tasks/lib/b.py",
        "tasks/lib/c.py",
        "tasks/more/d.csv",
        "tasks/more/deep/gen/e.csv",
    ):
        put(root, path)
    sources = (SourceSpec("d", "tasks/more/**/*.csv", None, (), None),)
    files = Files(Layout(root), Settings(tasks=("tasks", "tasks/gen"), sources=sources))
    files.extend([], ["tasks/lib/b.py"])
    found = paths(files.scan(None, {}))
    assert found == [
        "tasks/gen/a.sql",
        "tasks/lib/b.py",
        "tasks/lib/c.py",
        "tasks/more/d.csv",
        "tasks/more/deep/gen/e.csv",
    ]


def test_inner_patterns_decide_and_are_read_again(root: Path) -> None:
    (root / ".gitignore").write_text("gen/\n[\n")
    put(root, "tasks/gen/a.sql")
    put(root, "tasks/in/gen/b.sql")
    (root / "tasks/in/.gitignore").write_text("!gen/\n")
    files = Files(Layout(root), Settings())
    assert paths(files.scan(None, {})) == ["tasks/in/gen/b.sql"]
    (root / "tasks/in/.gitignore").unlink()
    assert paths(files.scan(None, {})) == []
    (root / ".gitignore").write_text("other/\n")
    assert paths(files.scan(None, {})) == ["tasks/gen/a.sql", "tasks/in/gen/b.sql"]


def test_code_has_the_hash_of_its_bytes_and_data_has_none(root: Path) -> None:
    put(root, "tasks/a.sql", "select 1")
    file = put(root, "data/b.csv")
    tree = whole(root).tree
    assert tree["tasks/a.sql"].content == content_of(b"select 1")
    assert tree["data/b.csv"].content is None
    assert tree["data/b.csv"].stamp.inode == file.stat().st_ino


def test_a_touch_of_code_is_no_change_and_of_data_is_one(root: Path) -> None:
    code, data = put(root, "tasks/a.sql"), put(root, "data/b.csv")
    files = Files(Layout(root), Settings())
    before = files.scan(None, {}).tree
    for file in (code, data):
        os.utime(file)
    assert changes_between(before, files.scan(hint(code, data), before).tree).paths == ("data/b.csv",)


def test_a_same_size_edit_within_one_tick_is_found(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caught the break "trust a hash whose stamp did not move"."""
    code = put(root, "tasks/a.sql", "select 1")
    files = Files(Layout(root), Settings())
    before = files.scan(None, {}).tree
    # A clock that does not tick between two writes: the stamp says the same before and after.
    monkeypatch.setattr("relspec.edges.files.scan.is_same", lambda stamp, found: True)
    code.write_text("select 2")
    assert changes_between(before, files.scan(hint(code), before).tree).changed == ("tasks/a.sql",)
    assert changes_between(before, files.scan(None, before).tree).changed == ("tasks/a.sql",)


def test_a_hash_that_is_old_enough_is_not_made_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = put(root, "tasks/a.sql")
    files = Files(Layout(root), Settings())
    monkeypatch.setattr(scan, "RACY_NS", 0)
    before = files.scan(None, {})

    def refuse(path: str) -> None:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr("relspec.edges.files.scan.read_whole", refuse)
    after = files.scan(hint(code), before.tree)
    assert after.tree["tasks/a.sql"] is before.tree["tasks/a.sql"]


def test_a_hint_costs_what_it_names(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(20):
        put(root, f"tasks/t{n}.sql")
    files = Files(Layout(root), Settings())
    before = files.scan(None, {}).tree
    looked: list[str] = []
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **more: looked.append(os.fspath(path)) or real(path, **more))
    files.scan(hint(root / "tasks/t3.sql"), before)
    assert {path for path in looked if path.endswith(".sql")} == {str(root / "tasks/t3.sql")}


EDITS = ["write", "rename", "recreate", "delete", "new", "move", "mkdir", "rmtree", "swap", "file-to-folder"]


@pytest.mark.parametrize("edit", EDITS)
def test_a_hinted_scan_finds_what_a_whole_one_finds(root: Path, edit: str) -> None:
    a, b = put(root, "tasks/one/a.sql"), put(root, "tasks/one/b.sql")
    put(root, "tasks/two/c.sql")
    files = Files(Layout(root), Settings())
    before = files.scan(None, {}).tree
    one, two = root / "tasks/one", root / "tasks/two"
    hints = {a}
    match edit:
        case "write":
            a.write_text("y")
        case "rename":
            put(root, "tasks/one/a.sql.tmp", "y").rename(a)
        case "recreate":
            a.unlink()
            a.write_text("y")
        case "delete":
            a.unlink()
        case "new":
            hints = {put(root, "tasks/one/new.sql")}
        case "move":
            hints = {one, a.parent.rename(root / "tasks/three")}
        case "mkdir":
            # Only the last folder is hinted at: the file above it came before anybody watched.
            put(root, "tasks/four/d.sql")
            hints = {put(root, "tasks/four/five/e.sql").parent, root / "tasks/four"}
        case "rmtree":
            a.unlink(), b.unlink(), one.rmdir()
            hints = {one}
        case "swap":
            one.rename(root / "tasks/aside"), two.rename(one), (root / "tasks/aside").rename(two)
            hints = {one, two}
        case "file-to-folder":
            a.unlink()
            put(root, "tasks/one/a.sql/inner.sql")
    found = files.scan(hint(*hints), before)
    assert found.tree == whole(root).tree
    assert changes_between(before, found.tree)


def test_a_file_in_a_folder_that_nobody_looked_into_brings_its_siblings(root: Path) -> None:
    files = Files(Layout(root), Settings())
    before = files.scan(None, {}).tree
    put(root, "tasks/new/first.sql")
    last = put(root, "tasks/new/last.sql")
    assert paths(files.scan(hint(last), before)) == ["tasks/new/first.sql", "tasks/new/last.sql"]


def test_hints_outside_the_scope_change_nothing(root: Path, tmp_path: Path) -> None:
    put(root, "tasks/a.sql")
    files = Files(Layout(root), Settings())
    before = files.scan(None, {}).tree
    others = [put(root, path) for path in ("lib/x.py", "tasks/.git/y.sql", "state/objects/z.parquet", "tasks/w.sql~")]
    found = files.scan(hint(*others, *(o.parent for o in others), tmp_path / "far.sql", root / "gone.py"), before)
    assert seen(found) == Scan(before, (), frozenset())


def test_a_missing_project_folder_loses_nothing(root: Path) -> None:
    put(root, "tasks/a.sql")
    files = Files(Layout(root), Settings())
    before = files.scan(None, {}).tree
    root.rename(root.with_name("aside"))
    assert seen(files.scan(None, before)) == Scan(before, (), frozenset({"."}))
    root.with_name("aside").rename(root)
    put(root, "tasks/b.sql")
    assert paths(files.scan(hint(root / "."), before)) == ["tasks/a.sql", "tasks/b.sql"]


def test_links_are_followed_but_not_in_circles(root: Path, tmp_path: Path) -> None:
    shared = put(tmp_path, "shared/s.sql").parent
    (root / "tasks/shared").symlink_to(shared)
    (root / "tasks/again").symlink_to(root / "tasks")
    (shared / "back").symlink_to(root / "tasks")
    (root / "tasks/one.sql").symlink_to(put(tmp_path, "one.sql", "select 1"))
    (root / "tasks/dangling.sql").symlink_to("nowhere.sql")
    found = whole(root)
    assert paths(found) == ["tasks/one.sql", "tasks/shared/s.sql"]
    assert found.tree["tasks/one.sql"].content == content_of(b"select 1")
    assert found.problems == ()


def test_state_is_never_entered_or_opened_however_it_is_reached(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening and closing a file of the database would drop the process's locks on it."""
    put(root, "state/secret.sql")
    database = put(root, "state/relspec.sqlite")
    put(root, "state/tables/t.parquet")
    (root / "tasks/link").symlink_to(root / "state")
    (root / "data/tables").symlink_to(root / "state/tables")
    (root / "data/db.csv").symlink_to(database)
    (root / "data/hard.csv").hardlink_to(database)
    (root / "data/other.csv").symlink_to(root / "state/tables/t.parquet")
    opened: list[str] = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *more, **even: opened.append(str(path)) or real(path, *more, **even))
    files = Files(Layout(root), Settings(data=("data", "moved")))
    (root / "moved").symlink_to(root / "state")
    files.extend(["**/*.sql"], [])
    reached = ("tasks/link/secret.sql", "data/tables/t.parquet", "data/db.csv", "data/hard.csv", "state/secret.sql")
    tree = files.scan(None, {}).tree
    assert files.scan(hint(*(root / path for path in reached)), tree).tree == {}
    assert [folder for folder in files.directories() if os.path.realpath(folder).startswith(f"{root}/state")] == []
    assert opened == []


def test_a_name_that_is_not_utf8_is_a_problem_and_no_entry(root: Path) -> None:
    put(root, "tasks/ok.sql")
    for name in (b"tasks/\xff.sql", b"tasks/\xfe"):
        os.mkdir(os.path.join(os.fsencode(root), name)) if name.endswith(b"\xfe") else open(
            os.path.join(os.fsencode(root), name), "w"
        ).close()
    found = whole(root)
    assert paths(found) == ["tasks/ok.sql"]
    assert [problem.path for problem in found.problems] == ["tasks/\\xfe", "tasks/\\xff.sql"]
    assert found.problems[1].message == "the name tasks/\\xff.sql is not UTF-8, so it is not watched"


@contextlib.contextmanager
def refused(monkeypatch: pytest.MonkeyPatch, module: object, name: str, path: Path, error: OSError) -> Iterator[None]:
    real = getattr(module, name)

    def call(target: object, *more: object, **even: object) -> object:
        if str(target) == str(path):
            raise error
        return real(target, *more, **even)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, call)
        yield


def test_code_that_cannot_be_read_is_a_problem_until_it_can(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = put(root, "tasks/a.sql", "select 1")
    files = Files(Layout(root), Settings())
    before = files.scan(None, {}).tree
    with refused(monkeypatch, os, "open", code, PermissionError(13, "Permission denied")):
        found = files.scan(hint(code), before)
        assert isinstance(files.read_code("tasks/a.sql"), Problem)
    message = "tasks/a.sql cannot be read: Permission denied"
    hint_text = "give your user the right to read it"
    assert found.problems == (Problem(Code.UNREADABLE, None, "tasks/a.sql", None, None, message, hint_text),)
    assert found.tree["tasks/a.sql"].content not in (None, "", content_of(b"select 1"))
    assert seen(files.scan(hint(root / "tasks"), found.tree)) == Scan(before, (), frozenset())
    assert files.read_code("tasks/a.sql") == (content_of(b"select 1"), b"select 1")


def test_a_folder_that_cannot_be_listed_is_a_problem(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, "tasks/in/a.sql")
    put(root, "tasks/b.sql")
    with refused(monkeypatch, os, "scandir", root / "tasks/in", PermissionError(13, "Permission denied")):
        found = whole(root)
    assert paths(found) == ["tasks/b.sql"]
    assert [problem.path for problem in found.problems] == ["tasks/in"]


def test_code_in_a_folder_that_cannot_be_listed_any_more_stays_and_data_goes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = put(root, "tasks/in/a.sql", "select 1")
    put(root, "data/in/d.csv", "a\n1\n")
    settings = Settings(sources=(SourceSpec("d", "data/in/*.csv", None, (), None),))
    files = Files(Layout(root), settings)
    before = files.scan(None, {})
    assert paths(before) == ["data/in/d.csv", "tasks/in/a.sql"]
    denied = PermissionError(13, "Permission denied")
    with (
        refused(monkeypatch, os, "scandir", root / "tasks/in", denied),
        refused(monkeypatch, os, "scandir", root / "data/in", denied),
    ):
        found = files.scan(None, before.tree)
        assert found.tree == {"tasks/in/a.sql": before.tree["tasks/in/a.sql"]}
        assert [problem.path for problem in found.problems] == ["data/in", "tasks/in"]
    code.write_text("select 12")
    again = files.scan(hint(root / "tasks/in", root / "data/in"), found.tree)
    assert (again.problems, paths(again)) == ((), paths(before))
    assert again.tree["tasks/in/a.sql"].content == content_of(b"select 12")


def _nothing(_: Path) -> None:
    """A hint without anything behind it."""


def _replace_by_folder(root: Path) -> None:
    (root / "tasks/a.sql").unlink()
    put(root, "tasks/a.sql/b.sql")


#: What is done to a project, and the paths that are hinted at.
DISTURBED: dict[str, tuple[Callable[[Path], object], list[str], bool]] = {
    "nothing": (_nothing, ["tasks/a.sql", "tasks/in", "data"], False),
    "a change": (lambda root: put(root, "tasks/a.sql", "select 12"), ["tasks/a.sql"], True),
    "data": (lambda root: put(root, "data/d.csv", "a\n12\n"), ["data/d.csv"], True),
    "a file that is new": (lambda root: put(root, "tasks/in/new.sql"), ["tasks/in/new.sql"], True),
    "a file that is gone": (lambda root: (root / "tasks/a.sql").unlink(), ["tasks/a.sql"], True),
    "a folder that is new": (lambda root: put(root, "tasks/more/deep/x.sql"), ["tasks/more"], True),
    "a folder that is gone": (lambda root: shutil.rmtree(root / "tasks/in"), ["tasks/in"], True),
    "a folder that moved": (
        lambda root: (root / "tasks/in").rename(root / "tasks/out"),
        ["tasks/in", "tasks/out"],
        True,
    ),
    "a folder in place of a file": (_replace_by_folder, ["tasks/a.sql"], True),
    "a change beside the hint": (lambda root: put(root, "tasks/in/b.sql", "select 12"), ["tasks/a.sql"], False),
    "a change below the hint": (lambda root: put(root, "tasks/in/b.sql", "select 12"), ["tasks"], True),
}


@pytest.mark.parametrize("what", DISTURBED)
def test_what_a_look_touched_is_all_that_differs(root: Path, what: str) -> None:
    disturb, hinted, is_seen = DISTURBED[what]
    put(root, "tasks/a.sql", "select 1")
    put(root, "tasks/in/b.sql", "select 2")
    put(root, "data/d.csv", "a\n1\n")
    files = Files(Layout(root), Settings(sources=(SourceSpec("d", "data/*.csv", None, (), None),)))
    before = files.scan(None, {}).tree
    disturb(root)
    found = files.scan(hint(*(root / path for path in hinted)), before)
    changes = changes_between(before, found.tree)
    assert found.touched is not None
    assert (changes_between(before, found.tree, found.touched), bool(changes)) == (changes, is_seen)


def test_a_whole_scan_forgets_problems_that_are_gone(root: Path) -> None:
    bad = root / "tasks" / os.fsdecode(b"\xff.sql")
    bad.touch()
    files = Files(Layout(root), Settings())
    assert len(files.scan(None, {}).problems) == 1
    bad.unlink()
    assert files.scan(None, {}).problems == ()


def test_a_shortage_of_descriptors_loses_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = put(root, "tasks/in/a.sql")
    files = Files(Layout(root), Settings())
    before = files.scan(None, {}).tree
    with refused(monkeypatch, os, "scandir", root / "tasks/in", OSError(24, "Too many open files")):
        assert seen(files.scan(None, before)) == Scan(before, (), frozenset({"tasks/in"}))
    code.write_text("select 12")
    found = files.scan(hint(root / "tasks/in"), before)
    assert (found.held, found.tree["tasks/in/a.sql"].content) == (frozenset(), content_of(b"select 12"))
    before = found.tree
    with refused(monkeypatch, os, "open", code, OSError(24, "Too many open files")):
        assert seen(files.scan(None, before)) == Scan(before, (), frozenset({"tasks/in/a.sql"}))
    assert seen(files.scan(hint(root / "tasks/in"), before)) == Scan(before, (), frozenset())


@pytest.mark.parametrize("number", [24, 2], ids=["too many open", "gone"])
def test_code_that_cannot_be_read_for_a_moment_is_no_problem(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    code = put(root, "tasks/a.sql", "select 1")
    files = Files(Layout(root), Settings())
    refusal = OSError(number, os.strerror(number))
    with refused(monkeypatch, os, "open", code, refusal), pytest.raises(InputMovedError):
        files.read_code("tasks/a.sql")
    assert files.read_code("tasks/a.sql") == (content_of(b"select 1"), b"select 1")


def test_code_that_is_being_written_is_no_problem(root: Path) -> None:
    code = put(root, "tasks/a.sql", "select 1")
    files = Files(Layout(root), Settings())
    with code.open("a") as writer:
        writer.write("2")
        writer.flush()
        with pytest.raises(InputMovedError):
            files.read_code("tasks/a.sql")


def test_what_is_no_file_is_passed_by(root: Path) -> None:
    os.mkfifo(root / "data/pipe.csv")
    os.mkfifo(root / "tasks/pipe.sql")
    (root / "tasks/folder.sql").mkdir()
    assert seen(whole(root)) == Scan({}, (), frozenset())


def test_a_file_that_is_too_large_for_code_is_a_problem(root: Path) -> None:
    with put(root, "tasks/huge.sql").open("wb") as file:
        file.truncate(17 << 20)
    assert "more than the 16777216 of a code file" in whole(root).problems[0].message


WRITER = "import sys; f = open(sys.argv[1], 'a'); f.write('half'); f.flush(); print(flush=True); sys.stdin.read()"


@contextlib.contextmanager
def writer(path: Path) -> Iterator[None]:
    """Another process that has `path` open, half-written."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield


@pytest.mark.parametrize("name", ["data/part.csv", "tasks/a.sql"])
def test_a_file_is_held_while_a_writer_has_it_open(root: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relspec.edges.files.reading.STILL_CODE_NS", 60_000_000_000)
    file = root / name
    files = Files(Layout(root), Settings())
    files.scan(None, {})
    with writer(file):
        assert being_written(str(file))
        fresh = files.scan(hint(file), {})
        assert seen(fresh) == Scan({}, (), frozenset({name}))
    taken = files.scan(hint(file), fresh.tree)
    assert (list(taken.tree), taken.held) == ([name], frozenset())
    assert being_written(str(file)) is False
    with writer(file):
        again = files.scan(hint(file), taken.tree)
        assert seen(again) == Scan(taken.tree, (), frozenset({name}))
    assert changes_between(taken.tree, files.scan(hint(file), again.tree).tree).changed == (name,)


@pytest.mark.parametrize("name", ["data/log.jsonl", "tasks/a.sql"])
def test_a_writer_that_never_closes_does_not_hold_for_ever(root: Path, name: str) -> None:
    file = root / name
    with writer(file), pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "STILL_DATA_NS", 0)
        patch.setattr("relspec.edges.files.reading.STILL_CODE_NS", 0)
        assert list(whole(root).tree) == [name]


def test_a_writer_that_comes_while_we_ask_is_not_hurt_and_does_not_hurt(root: Path) -> None:
    """Without another signal than SIGIO this process would die, which is the break it caught."""
    file = put(root, "data/a.csv")
    code = "import sys\nfor _ in range(3000): open(sys.argv[1], 'a').close()"
    with subprocess.Popen([sys.executable, "-c", code, str(file)]) as process:
        asked = 0
        while process.poll() is None:
            being_written(str(file))
            asked += 1
    assert process.returncode == 0
    assert asked > 100


def test_data_younger_than_a_tick_is_held(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "TICK_NS", 60_000_000_000)
    file = put(root, "data/a.csv")
    files = Files(Layout(root), Settings())
    assert seen(files.scan(None, {})) == Scan({}, (), frozenset({"data/a.csv"}))
    monkeypatch.setattr(scan, "TICK_NS", 0)
    assert paths(files.scan(hint(file), {})) == ["data/a.csv"]


def test_data_is_not_held_for_a_tick_where_every_write_shows(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caught: held all the same, on no device, and on every one."""
    monkeypatch.setattr(scan, "TICK_NS", 60_000_000_000)
    device = put(root, "data/a.csv").stat().st_dev
    assert paths(Files(Layout(root), Settings(), device).scan(None, {})) == ["data/a.csv"]
    assert Files(Layout(root), Settings(), device + 1).scan(None, {}).held == {"data/a.csv"}


def test_data_with_whole_seconds_is_held_for_two_also_where_nobody_tells_of_writers(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(root, "data/a.csv")
    monkeypatch.setattr(scan, "being_written", lambda path: None)
    now_ns = file.stat().st_ctime_ns // 1_000_000_000 * 1_000_000_000
    real = os.stat

    def coarse(path: str, **named: Any) -> Any:
        found = real(path, **named)
        whole = {"st_mtime_ns": now_ns, "st_ctime_ns": now_ns}
        names = [n for n in dir(found) if n.startswith("st_")]
        return SimpleNamespace(**{n: getattr(found, n) for n in names} | whole) if "a.csv" in str(path) else found

    monkeypatch.setattr(scan.os, "stat", coarse)
    # Whatever is said of the device: these have been cut off.
    files = Files(Layout(root), Settings(), file.stat().st_dev)
    monkeypatch.setattr(scan.time, "time_ns", lambda: now_ns + 1_500_000_000)
    assert files.scan(None, {}).held == {"data/a.csv"}
    monkeypatch.setattr(scan.time, "time_ns", lambda: now_ns + 2_000_000_000)
    assert files.scan(None, {}).held == frozenset()
    # The clock was set back a little: it comes by that second once more. By how much it was is not to be known.
    monkeypatch.setattr(scan.time, "time_ns", lambda: now_ns - 1_500_000_000)
    assert files.scan(None, {}).held == {"data/a.csv"}
    monkeypatch.setattr(scan.time, "time_ns", lambda: now_ns - 3_600_000_000_000)
    assert files.scan(None, {}).held == frozenset()
