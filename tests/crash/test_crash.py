"""A kill and a full disk at a chosen call of a build; `python -m tests.crash` strikes at more of them, or all."""

import shutil
from pathlib import Path

import pytest
from tests.crash.crash import Trial

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def test_a_killed_build_and_one_without_room_leave_a_whole_revision_and_heal(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    assert trial.before != trial.after
    n_calls = trial.calls()
    assert n_calls > 50
    # Shortly before the end it commits and publishes.
    for number, fault in ((n_calls - 40, "signal=KILL"), (n_calls // 4, "error=ENOSPC")):
        outcome = trial.strike(number, fault)
        assert outcome.wrong is None, (number, fault)
        assert outcome.struck or fault.startswith("error")
