"""What is recorded stays until the same is measured again, and never beside figures of another machine."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.bench import record
from tests.bench.made import MACHINE, PEER, STAGE, entry, row
from tests.bench.record import Book, merged, read, write


def test_a_step_that_is_measured_again_replaces_itself_alone() -> None:
    book = Book((entry("sql", 100, row("leaf", 30.0), row("touch", 9.0)),), (), ())
    (found,) = merged(book, entry("sql", 100, row("leaf", 20.0))).measured
    assert found.rows == (row("leaf", 20.0), row("touch", 9.0))


def test_another_machine_replaces_all_of_a_size_and_nothing_of_others() -> None:
    other = replace(MACHINE, cpu="Another CPU")
    book = Book(
        (entry("sql", 100, row("leaf", 30.0), row("touch", 9.0)), entry("sql", 1_000, row("leaf", 31.0))), (), ()
    )
    found = merged(book, entry("sql", 100, row("leaf", 20.0), machine=other)).measured
    assert found == (entry("sql", 100, row("leaf", 20.0), machine=other), entry("sql", 1_000, row("leaf", 31.0)))


def test_what_is_written_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "FIGURES", tmp_path / "performance.json")
    book = Book((entry("sql", 100, row("leaf", 30.0, 2.5)),), (PEER,), (STAGE,))
    assert read() == Book((), (), ())
    write(book)
    assert read() == book


def test_nothing_tells_which_machine_it_was_but_by_its_kind() -> None:
    assert set(Book.__slots__) == {"measured", "peers", "breakdown"}
    assert set(type(MACHINE).__slots__) == {"cores", "cpu", "python", "duckdb"}
