"""The page of figures is what the recorded figures make."""

from dataclasses import replace

from tests.bench.__main__ import arguments
from tests.bench.made import PEER, STAGE, entry, row
from tests.bench.record import Book, read
from tests.bench.report import PAGE, page

EMPTY = Book((), (), ())
BOOK = replace(EMPTY, measured=(entry("sql", 1_000, row("leaf", 1234.5, 8.25), row("cold build", 9.0)),))


def test_the_page_is_what_the_figures_make() -> None:
    assert PAGE.read_text() == page(read()), "write it anew: python -m tests.bench.report"


def test_a_row_has_every_figure_and_its_ratio() -> None:
    lines = page(BOOK).splitlines()
    assert "| leaf | 1,234 | 2,469 | 7.00 | 80 | 1 | 8.25 | 8.25 | 149.64 | 15 |" in lines
    assert "2026-01-02: Some CPU, 2 cores, Python 3.11.7, DuckDB 1.5.6." in lines
    assert [line for line in lines if line.startswith("#")][2:4] == ["## sql", "### 1,000 tasks"]


def test_the_page_lists_every_option() -> None:
    said = {line.split("`")[1].split()[0] for line in page(EMPTY).splitlines() if line.startswith("| `--")}
    options = {option for action in arguments()._actions for option in action.option_strings}
    assert said == options - {"-h", "--help"}


def test_rows_stand_in_the_order_of_the_steps() -> None:
    text = page(BOOK)
    assert text.index("\n| cold build | 9.00") < text.index("\n| leaf | 1,234")


def test_targets_are_held_or_missed_or_not_measured() -> None:
    lines = page(BOOK).splitlines()
    assert "| leaf at 1,000 tasks | 3 times the floor | 149.64 | **missed** |" in lines
    assert "| all processes at 1,000 tasks, memory | 300 MB | 80.0 MB | held |" in lines
    assert "| warm start of 10,000 tasks | 2,000 ms |  | not measured |" in lines


def test_other_tools_and_stages_are_shown_where_there_are_any() -> None:
    assert "## Other tools" not in page(EMPTY)
    assert "## Where the time goes" not in page(EMPTY)
    text = page(replace(EMPTY, peers=(PEER,), breakdown=(STAGE,)))
    assert "| dbt 1.11.16 | warm | 1,000 | leaf | 2,200 | 2,100 | 310 |" in text
    assert "| sql | 1,000 | leaf | compile | 1.25 |" in text
