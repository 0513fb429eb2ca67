"""Superseded work that does not want to end: dead, never published, and the next result is there as ever.

The campaign has more of them, and measures; here it is only held that they end.
"""

from collections.abc import Iterator

import pytest
from tests.rogues.rogues import Rogue
from tests.rogues.superseded import PATIENT, STUBBORN, supersede
from tests.rogues.yard import Yard

HERE = ("deaf_import", "deaf_udf")


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with Yard(tmp_path_factory.mktemp("yard") / "project", PATIENT) as yard:
        yield yard


@pytest.mark.parametrize("rogue", [r for r in STUBBORN if r.name in HERE], ids=lambda r: r.name)
def test_superseded_work_is_dead_and_what_superseded_it_is_shown(yard: Yard, rogue: Rogue) -> None:
    """Caught: a query with a Python function failed under nobody's eyes, and the log told of a defect."""
    death = supersede(yard, rogue)
    assert death.rows == 1
    assert death.n_processes[0] == death.n_processes[1]
    assert "never retrieved" not in yard.log.read_text()
