"""Golden texts of `gc`: a literal document in, the literal lines out."""

from typing import Any

import pytest

from relspec.ui.render.gc import gc_lines
from relspec.ui.render.page import Page
from relspec.ui.render.text import size

PAPER = Page(width=80, colour=False, source=lambda *_: None)


def document(**changed: Any) -> dict[str, Any]:
    freed = {"objects": 3, "bytes": 8113, "executions": 2, "extractions": 0, "digests": 5, "runs": 1}
    counts = {"current": (14, 2_718_281), "reader": (1, 141), "pinned": (0, 0), "recent": (6, 30_402), "young": (0, 0)}
    kept = [{"why": why, "objects": n, "bytes": n_bytes} for why, (n, n_bytes) in counts.items()]
    return {"dry_run": False, "freed": freed, "kept": kept, "oldest_reader": 7, "unknown_pins": []} | changed


def test_it_says_what_went_and_why_the_rest_stayed() -> None:
    assert gc_lines(document(), PAPER) == [
        "freed 3 objects (8.1 kB), 2 remembered executions, 5 digests, 1 run",
        "kept 14 objects (2.7 MB)       of tables as they are",
        "kept 1 object (141 B)          that somebody may still read",
        "kept 6 objects (30.4 kB)       of recent executions",
        "  somebody has revision 7 open",
    ]


def test_a_dry_run_says_what_would_go() -> None:
    first, *_ = gc_lines(document(dry_run=True), PAPER)
    assert first.startswith("would free 3 objects")


def test_a_revision_without_a_number_is_told_and_none_is_not() -> None:
    assert gc_lines(document(oldest_reader=0), PAPER)[-1] == "  somebody has a revision of an unknown number open"
    assert "somebody has" not in gc_lines(document(oldest_reader=None), PAPER)[-1]


@pytest.mark.parametrize(
    ("n_bytes", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (1_500_000, "1.5 MB"),
        (4 * 10**16, "40000.0 TB"),
    ],
)
def test_sizes_are_said_in_the_unit_that_a_person_would_use(n_bytes: int, said: str) -> None:
    assert size(n_bytes) == said


def test_a_pin_that_fits_nothing_is_told_with_a_guess() -> None:
    pins = [{"name": "totl", "likely": "total"}, {"name": "x", "likely": None}]
    assert gc_lines(document(unknown_pins=pins), PAPER)[-2:] == [
        "warning gc.pinned: no task makes 'totl'; did you mean 'total'?",
        "warning gc.pinned: no task makes 'x'",
    ]
