"""Faults at a few chosen calls of a build and of a daemon; `python -m tests.crash` strikes at more of them, or all."""

import random
import shutil

import pytest
from tests.crash.builds import BuildTrial
from tests.crash.daemons import DaemonTrial
from tests.crash.project import Project
from tests.crash.strikes import ERRORS, KILL, MUTATING, OPENING, Call, chosen, mutating, opening

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

LOG = """\
openat(AT_FDCWD, "/usr/lib/a.py", O_RDONLY|O_CLOEXEC) = 3
openat(AT_FDCWD, "/p/state/log", O_WRONLY|O_CREAT|O_APPEND, 0600) = 3
write(3</p/state/log>, "x", 1) = 1
write(9<socket:[4711]>, "y", 1) = 1
write(10<anon_inode:[eventfd]>, "z", 8) = 8
write(3</p/state/log>, "x", 1) = 1
fsync(11<UNIX-STREAM:[1->2]>) = 0
openat(AT_FDCWD</p>, "/p/state/log", O_RDONLY) = 3</p/state/log>
--- SIGCHLD {si_signo=SIGCHLD} ---
openat(AT_FDCWD, "/p/state/cookies/4711-1", O_WRONLY|O_CREAT, 0600) = 4
openat(AT_FDCWD, "/p/state/log", O_WRONLY|O_CREAT|O_APPEND, 0600) = 3
rename("/p/a", "/p/b") = 0
openat(AT_FDCWD, "/tmp/elsewhere", O_RDWR|O_CREAT, 0600) = 4
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("crash"), 2)


def test_a_killed_build_and_one_without_room_leave_a_whole_revision_and_heal(project: Project) -> None:
    trial = BuildTrial(project)
    assert trial.project.tables[0] != trial.project.tables[1]
    calls = mutating(trial.written_down())
    assert len(calls) > 50
    # Shortly before the end it commits and publishes.
    for call, fault in ((calls[-40], KILL), (calls[len(calls) // 4], "error=ENOSPC")):
        outcome = trial.strike(call, fault)
        assert outcome.wrong is None, (call, fault)
        assert outcome.came == "ended" or fault.startswith("error")


def test_a_daemon_that_is_killed_at_a_commit_loses_nothing_that_it_acknowledged(project: Project) -> None:
    trial = DaemonTrial(project)
    # SQLite syncs its log twice at the first commit after a start, which is that of the save.
    outcome = trial.strike(Call("fdatasync", 3, None), KILL)
    assert (outcome.wrong, outcome.came) == (None, "ended")


def test_files_that_are_written_are_counted_by_their_name_and_the_others_by_all_that_are_opened() -> None:
    assert opening(LOG, "/p") == [
        Call(OPENING, 1, "/p/state/log"),
        Call(OPENING, 4, None),
        Call(OPENING, 3, "/p/state/log"),
    ]
    assert mutating(LOG) == [Call("write", 1, None), Call("write", 4, None), Call("rename", 1, None)]


def test_a_seed_chooses_the_same_calls_again() -> None:
    calls = [Call(MUTATING, number, None) for number in range(1, 30)]
    some = chosen(random.Random(3), calls, 5, ERRORS)
    assert some == chosen(random.Random(3), calls, 5, ERRORS)
    assert [fault for _, fault in some] == [*ERRORS, ERRORS[0]]
    assert [call for call, _ in chosen(random.Random(3), calls, 0, (KILL,))] == calls
