"""Names of datasets that differ in case are one name: another spelling leaves nothing of the one before.

The breaks that were planted and caught are in `tests/mutants/of_keeping.py`.
"""

import sqlite3
from pathlib import Path

import duckdb
import pytest
from tests.scenarios.harness import write

from relspec.app.workspace import open_workspace
from relspec.core.layout import Layout

READER = {"tasks/reader.sql": "select a as b from T"}


async def built(root: Path, *versions: dict[str, str | None]) -> None:
    """Build versions of files one after the other, in one life."""
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        for files in versions:
            write(root, {path: text for path, text in files.items() if text is not None or (root / path).exists()})
            report = await workspace.build(await workspace.look_all())
            assert report.problems == ()


def shown(root: Path) -> tuple[list[tuple[int]], list[tuple[int]], list[str]]:
    """What readers see of the table and its reader, and the files of tables."""
    with duckdb.connect(f"{root}/state/relspec.duckdb", read_only=True) as connection:
        values = (connection.execute(f"from {name}").fetchall() for name in ("t", "reader"))
        return (*values, sorted(path.stem for path in (root / "state/tables").iterdir()))  # type: ignore[return-value]


def kept(root: Path) -> list[tuple[str]]:
    """The outputs that the state knows."""
    connection = sqlite3.connect(root / "state/relspec.sqlite")
    try:
        return connection.execute("select output from output order by output").fetchall()
    finally:
        connection.close()


def file_of(name: str, value: int) -> dict[str, str | None]:
    """A task file of a name, in place of one whose name is spelled otherwise."""
    return {f"tasks/{name.swapcase()}.sql": None, f"tasks/{name}.sql": f"select {value} as a"}


def option_of(name: str, value: int) -> dict[str, str | None]:
    """A task whose output has a name."""
    return {"tasks/made.sql": f"-- relspec: output={name}\nselect {value} as a"}


@pytest.mark.parametrize("version", [file_of, option_of])
async def test_a_name_that_is_spelled_otherwise_and_back_again_is_what_it_was_saved_as_last(
    tmp_path: Path, version: type
) -> None:
    """Caught: a row of each spelling was kept, and after a restart readers were built from the earlier one."""
    await built(tmp_path, {**READER, **version("T", 1)}, version("t", 2))
    assert shown(tmp_path) == ([(2,)], [(2,)], ["reader", "t"])
    assert kept(tmp_path) == [("reader",), ("t",)]
    await built(tmp_path, version("T", 3))
    assert kept(tmp_path) == [("T",), ("reader",)]
    await built(tmp_path, {"tasks/reader.sql": "select a + 10 as b from T"})
    assert shown(tmp_path) == ([(3,)], [(13,)], ["T", "reader"])


async def test_the_same_table_under_another_spelling_is_shown_by_that_alone(tmp_path: Path) -> None:
    await built(tmp_path, {**READER, **option_of("T", 1)}, option_of("t", 1))
    assert shown(tmp_path) == ([(1,)], [(1,)], ["reader", "t"])
    assert kept(tmp_path) == [("reader",), ("t",)]
