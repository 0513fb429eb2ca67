"""Superseded work that does not want to end: dead, never published, and the next result is there as ever.

The campaign has more of them, and measures; here it is only held that they end.
"""

import time
from collections.abc import Iterator

import pytest
from tests.rogues.rogues import Rogue
from tests.rogues.superseded import PATIENT, STUBBORN, supersede
from tests.rogues.yard import Yard

#: Forks a process away, and works on.
LEAVER = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("left", "w").close()
        time.sleep(60)
    os._exit(0)
while True:
    pass
"""
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


def test_what_made_itself_a_daemon_dies_with_a_daemon_that_was_killed(yard: Yard) -> None:
    """The last of this file: its daemon is gone afterwards."""
    yard.save("tasks/leaver.py", LEAVER)
    yard.until((yard.root / "left").exists, "a process to have left")
    yard.daemon.kill()
    yard.daemon.wait(10)
    deadline = time.monotonic() + 20
    while yard.marked():
        assert time.monotonic() < deadline, f"these are still there: {yard.marked()}"
        time.sleep(0.01)
