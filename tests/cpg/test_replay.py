"""A small git history under the code property graph, and that a graph with violations would be noticed."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from tests.app.conftest import in_one_loop
from tests.cpg.history import Commit, commits
from tests.cpg.replay import Replayed, replay, told, violations
from tests.scenarios.harness import Children

VERSIONS = [
    {"src/shop/__init__.py": "", "src/shop/till.py": "def total(x):\n    return x\n", "notes.md": "text"},
    {"src/shop/till.py": "# A comment.\ndef total(x):\n    return x\n", "notes.md": "other"},
    {"notes.md": "again"},
    {"src/shop/till.py": None, "src/shop/desk.py": "def total(x):\n    return x\n\ntotal(1)\n"},
]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    git = ("git", "-C", str(root), "-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false")
    subprocess.run([*git, "init", "-q"], check=True)
    for number, version in enumerate(VERSIONS):
        for name, text in version.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_text(text)
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "-m", f"version {number}"], check=True)
    return root


def test_a_history_has_what_each_commit_changes_of_some_folders(repository: Path) -> None:
    found = list(commits(repository, ("src",), 10))
    assert [(c.title, sorted(c.files)) for c in found] == [
        ("version 0", ["src/shop/__init__.py", "src/shop/till.py"]),
        ("version 1", ["src/shop/till.py"]),
        ("version 2", []),
        ("version 3", ["src/shop/desk.py", "src/shop/till.py"]),
    ]
    assert [found[3].files[path] is None for path in sorted(found[3].files)] == [False, True]
    assert [c.title for c in commits(repository, ("src",), 1)] == ["version 3"]


@in_one_loop
async def test_each_commit_executes_what_it_moves(repository: Path, tmp_path: Path, children: Children) -> None:
    (tmp_path / "project").mkdir()
    heard: list[Replayed] = []
    with children.lent():
        done = await replay(tmp_path / "project", commits(repository, ("src",), 10), 10, heard.append)
    assert heard == done
    assert [replayed.executed for replayed in done[1:3]] == [["cpg.spans"], []]
    assert "norm.defs" in done[3].executed
    assert told(done).startswith(
        "4 commits, 2 of them with 1.5 files each (median); there of 29 tasks executed: median "
    )


def test_a_violation_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "tables"
    folder.mkdir(parents=True)
    rows = "values ('sound', 0), ('broken', 2)"
    with duckdb.connect() as connection:
        query = f"from ({rows}) t(check_name, violations)"
        connection.execute(f"copy ({query}) to '{folder / 'cpg_integrity.parquet'}' (format parquet)")
    assert violations(tmp_path) == [("broken", 2)]


@in_one_loop
async def test_a_commit_that_makes_problems_ends_the_replay(tmp_path: Path, children: Children) -> None:
    (tmp_path / "project").mkdir()
    history = [Commit("0", "broken", {"src/__init__.py": b""})]
    with children.lent(), pytest.raises(AssertionError, match=r"broken: \["):
        await replay(tmp_path / "project", _spoilt(tmp_path / "project", history), 10, lambda _: None)


def _spoilt(root: Path, history: list[Commit]) -> Iterator[Commit]:
    for commit in history:
        (root / "src/cpg/rpt/rpt_layers.sql").write_text("select x from nowhere\n")
        yield commit
