"""One daemon, clean life: real processes through what ends them, stops them, moves and copies their project."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from tests.life.living import FORKING, Living, make_project, run, wait_for

#: So long a project's end may go unnoticed: two seconds between looks, one of patience, and a slow machine.
NOTICED_S = 15.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


def test_a_daemon_that_was_stopped_catches_up_and_when_it_is_killed_nothing_is_left(root: Path, tmp_path: Path) -> None:
    with Living(root, tmp_path / "log") as daemon:
        daemon.ready()
        daemon.process.send_signal(signal.SIGSTOP)
        (root / "tasks" / "total.sql").write_text("select sum(amount) + 1 as total from orders\n")
        time.sleep(2.5)
        daemon.process.send_signal(signal.SIGCONT)
        assert run(root, "build")[1]["executed"] == ["total"]
        (root / "tasks" / "slow.py").write_text(FORKING)
        wait_for(lambda: started_by_task_code(daemon), "task code to run")
        daemon.process.kill()
        assert daemon.gone_within() < 1.0
    with Living(root, tmp_path / "log") as daemon:
        # What the dead one left, a lock file, a socket and a card, is in nobody's way.
        assert {"daemon.lock", "daemon.sock", "daemon.json"} <= set(os.listdir(root / "state"))
        daemon.process.kill()
        assert daemon.gone_within() < 1.0, "killed in the middle of its start"


def started_by_task_code(daemon: Living) -> bool:
    return any(b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in daemon.family())


def test_neither_a_deleted_lock_nor_a_copy_nor_a_move_makes_two_daemons_of_one(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with Living(root, tmp_path / "log") as daemon:
        daemon.ready()
        (root / "state" / "daemon.lock").unlink()
        code, document = run(root, "daemon")
        assert (code, document["error"]["code"]) == (1, "state-busy")
        assert str(daemon.process.pid) in document["error"]["message"]
        # Whoever takes the socket away as well meets the lock on the folder.
        (root / "state" / "daemon.sock").unlink()
        code, document = run(root, "daemon", "--detach")
        assert (code, document["error"]["code"]) == (1, "state-busy")
        # It may have put its socket back meanwhile, and answer there.
        assert str(daemon.process.pid) in document["error"]["message"]
        subprocess.run(["cp", "-a", root, copy], check=True)
        assert run(copy, "stop")[0] == 3
        assert run(copy, "status")[1]["daemon"] == {"running": False, "pid": None}
        assert daemon.process.poll() is None
        moved = root.rename(tmp_path / "moved")
        assert daemon.process.wait(NOTICED_S) == 1
        assert "was deleted or moved away, so its daemon ends" in daemon.said()
    code, document = run(moved, "status")
    assert (code, [task["state"] for task in document["tasks"]]) == (0, ["fresh"]), "all that it made came along"


def test_a_daemon_ends_with_its_project_and_nothing_comes_back(root: Path, tmp_path: Path) -> None:
    with Living(root, tmp_path / "log") as daemon:
        daemon.ready()
        # What the daemon is writing at this very moment may be in the way once.
        wait_for(lambda: is_deleted(root), "the project to be deleted")
        assert daemon.process.wait(NOTICED_S) == 1
        assert f"the project {root} was deleted or moved away, so its daemon ends" in daemon.said()
        assert not root.exists()
        assert daemon.gone_within() < 1.0


def is_deleted(root: Path) -> bool:
    shutil.rmtree(root, ignore_errors=True)
    return not root.exists()


#: Quotes of all kinds, a line end, what shells, patterns, units and SQL give a meaning to; more than a socket takes.
ODD = "a \"b\" 'c'\n$d %e [f]* {g} \x1b[2J \u202e " + "h" * 100


EXTRACTING = """
import pyarrow
from relspec import extract

@extract(files="data/*.csv")
def texts(file):
    return {"texts": pyarrow.table({"head": [file.text().splitlines()[0]]})}
"""


def test_a_project_may_lie_at_any_path(tmp_path: Path) -> None:
    root = make_project(tmp_path / ODD)
    (root / "tasks" / "texts.py").write_text(EXTRACTING)
    code, started = run(root, "daemon", "--detach")
    assert code == 0, started
    try:
        assert os.getsid(started["pid"]) == started["pid"]
        assert run(root, "build")[0] == 0
        assert run(root, "status")[1]["daemon"] == {"running": True, "pid": started["pid"]}
        assert run(root, "show", "total")[1]["rows"] == [["30"]]
        assert run(root, "show", "texts")[1]["rows"] == [["day,amount"]]
    finally:
        code, stopped = run(root, "stop")
    assert (code, stopped["pid"]) == (0, started["pid"])


@pytest.mark.parametrize(
    ("name", "said"), [(os.fsdecode(b"caf\xe9"), "caf\\xe9', is not UTF-8"), ("why?", "why?', has a question mark")]
)
def test_a_path_that_cannot_be_used_is_refused_before_anything_is_written(tmp_path: Path, name: str, said: str) -> None:
    root = make_project(tmp_path / name)
    for words in (("build",), ("daemon",), ("daemon", "--detach"), ("status",)):
        code, document = run(root, *words)
        assert (code, document["error"]["code"]) == (2, "config")
        assert f"{said}; rename the folder" in document["error"]["message"]
    assert not (root / "state").exists()


def test_a_daemon_outlives_its_terminal_where_that_is_meant_and_its_manager_knows(root: Path, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    ours, theirs = os.openpty()
    daemon = Living(root, tmp_path / "log", signal.SIGHUP, NOTIFY_SOCKET=address, WATCHDOG_USEC="600000")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(30)
        daemon.process = daemon.spawn(theirs, theirs)
        os.close(theirs)
        try:
            assert manager.recv(200).decode() == f"READY=1\nMAINPID={daemon.process.pid}"
            assert run(root, "status")[1]["daemon"]["running"], "whoever is ready answers"
            assert heard(manager, b"STATUS=revision 1, 0 problem(s)") > 0, "and gives a sign of life meanwhile"
            os.close(ours)
            daemon.process.send_signal(signal.SIGHUP)
            (root / "tasks" / "total.sql").write_text("select sum(amount) + 1 as total from orders\n")
            assert run(root, "build")[1]["executed"] == ["total"]
            daemon.process.terminate()
            heard(manager, b"STOPPING=1")
            assert daemon.process.wait(10) == 0
            assert daemon.gone_within() < 1.0
        finally:
            daemon.__exit__()
    said = [event["event"] for event in daemon.events()]
    assert said == ["start", "changed", "task", "ready", "changed", "task", "ready", "stop"]


def heard(manager: socket.socket, word: bytes) -> int:
    """Wait for a word; how many signs of life came before it."""
    n_alive = 0
    while (found := manager.recv(1000)) != word:
        n_alive += found == b"WATCHDOG=1"
    return n_alive
