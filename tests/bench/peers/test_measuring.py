"""Peer are only given for right answers: a peer that shows stale tables ends the measurement."""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

import duckdb
import pytest
from tests.bench.peers import measuring
from tests.bench.peers.checking import Rows, differing
from tests.bench.peers.measuring import Peer, Subject, measure
from tests.bench.peers.rendering import sqlmesh
from tests.bench.peers.tools import Commands, Tool
from tests.bench.peers.usage import Usage

TOOL = Tool("fake", "fake", sqlmesh, lambda _: Commands(lambda _: [], []), lambda *_: {}, lambda _: None)
N_TASKS = 12


class Fake:
    """Builds every model in this process, in the order of their names.

    The build number `skips` does nothing, the build number `spoils` leaves the first table empty.
    """

    def __init__(self, root: Path, skips: int, spoils: int) -> None:
        self._models, self._skips, self._spoils = root / "models", skips, spoils
        self._connection = duckdb.connect()
        self._builds = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def build(self) -> Usage:
        self._builds += 1
        if self._builds != self._skips:
            for path in sorted(self._models.glob("*.sql")):
                text = path.read_text().partition("\n\n")[2]
                self._connection.execute(f"create or replace table {path.stem} as {text}")
        if self._builds == self._spoils:
            self._connection.execute("delete from m_00000")
        return Usage(self._builds**2, self._builds**3, 100 - self._builds)

    def tables(self, names: Iterable[str]) -> dict[str, Rows]:
        return {name: self._connection.execute(f"select * from {name}").fetchall() for name in names}


def figures(monkeypatch: pytest.MonkeyPatch, root: Path, *, skips: int = 0, spoils: int = 0) -> list[Peer]:
    monkeypatch.setattr(measuring, "GAP_S", 0)
    monkeypatch.setitem(measuring.MANNERS, "in process", lambda tool, environment, root: Fake(root, skips, spoils))
    return list(measure(Subject(TOOL, "1.0", root, "in process", N_TASKS), 3, root))


def test_each_step_has_its_medians_and_its_peak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to fail with means, with the last peak, and with a step left out."""
    assert figures(monkeypatch, tmp_path / "project") == [
        Peer("fake", "1.0", "in process", N_TASKS, "cold build", 1, 1, 99),
        Peer("fake", "1.0", "in process", N_TASKS, "nothing to do", 9, 27, 98),
        Peer("fake", "1.0", "in process", N_TASKS, "comment", 36, 216, 95),
        Peer("fake", "1.0", "in process", N_TASKS, "leaf", 81, 729, 92),
        Peer("fake", "1.0", "in process", N_TASKS, "cone 10", 144, 1728, 89),
    ]


@pytest.mark.parametrize("build", [8, 12], ids=["the first edit of a leaf", "the second edit of a cone"])
def test_an_edit_that_is_not_taken_in_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, build: int) -> None:
    """Seen to fail without the check after each build."""
    with pytest.raises(RuntimeError, match="tables are not up to date: m_"):
        figures(monkeypatch, tmp_path / "project", skips=build)


def test_a_table_that_was_spoilt_far_from_the_edits_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail without the check at the end."""
    with pytest.raises(RuntimeError, match="1 tables are not up to date: m_00000"):
        figures(monkeypatch, tmp_path / "project", spoils=13)


def test_tables_are_compared_as_bags() -> None:
    """Seen to fail with sets in place of bags, and where a missing table was passed over."""
    expected = {"a": [(1, "x"), (2, "y")], "b": [(1, "x")], "c": [(1, "x")]}
    assert differing(expected, {"a": [[2, "y"], [1, "x"]], "b": [[1, "x"], [1, "x"]]}) == ["b", "c"]
