"""Starting in the background and stopping, with real processes around a stand-in for the application."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relspec.core.layout import Layout
from relspec.edges.ask import ask, card
from relspec.ui.cli import daemon, main, stop

Capture = pytest.CaptureFixture[str]

#: Python runs this before anything else. It puts a module in the place of the real daemon, in each child process.
STAND_IN = """
import os, sys, types


def run(layout, listener, let_go, trace):
    import asyncio
    from relspec.core.errors import ConfigError, StateBusyError
    from relspec.core.progress import AllReady, ChangeDetected
    from relspec.edges.api import serve

    if os.environ["STAND_IN"] == "broken":
        raise ConfigError("watch.toml:3: no such option")
    if os.environ["STAND_IN"] == "late":
        print("of a daemon that won", file=sys.stderr, flush=True)
        raise StateBusyError("state is in use by process 4711")
    if os.environ["STAND_IN"] == "dead":
        print("last words", file=sys.stderr, flush=True)
        os.kill(os.getpid(), 9)
    if os.environ["STAND_IN"] == "silent":
        print("waiting for nothing", file=sys.stderr, flush=True)
        import signal
        signal.pause()

    async def life():
        done = asyncio.Event()

        async def answer(command, arguments):
            if command == "stop" and os.environ["STAND_IN"] != "stubborn":
                done.set()
            return 0, {"pid": os.getpid(), "path": sys.path}

        async with serve(layout, answer):
            listener(ChangeDetected(("tasks/a.sql",)))
            listener(AllReady(1, 1, 0, 0, 0, 0, 0, 5.0))
            await done.wait()

    asyncio.run(life())
    return 0


module = types.ModuleType("relspec.app.serving")
module.run = run
sys.modules["relspec.app.serving"] = module
"""


@pytest.fixture
def stand_in(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    place = tmp_path / "stand-in"
    place.mkdir()
    (place / "sitecustomize.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(place), prepend=os.pathsep)
    monkeypatch.chdir(layout.root)
    yield lambda how: monkeypatch.setenv("STAND_IN", how)
    found = ask(layout, "ping", {}, 5)
    if found is not None:
        os.kill(found[1]["pid"], signal.SIGKILL)


def relspec(*words: str) -> subprocess.CompletedProcess[str]:
    # -P as with the installed script: the folder that one stands in is not on the path.
    command = [sys.executable, "-P", "-m", "relspec.ui.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_detached_daemon_answers_when_the_command_returns_and_is_gone_when_stop_returns(
    layout: Layout, stand_in: Callable[[str], None]
) -> None:
    stand_in("good")
    (layout.root / "json.py").write_text("raise SystemExit('a file of the project was imported by the daemon')")
    started = relspec("daemon", "--detach", "--json", "--project", str(layout.root))
    assert (started.returncode, started.stderr) == (0, "")
    pid = json.loads(started.stdout)["pid"]
    found = card(layout)
    assert found is not None
    assert found["pid"] == pid
    assert os.getsid(pid) == pid
    stopped = relspec("stop", "--project", str(layout.root))
    assert (stopped.returncode, stopped.stdout) == (0, f"stopped (pid {pid})\n")
    assert not running(pid)
    assert (layout.state / "daemon.log").read_text() == (
        "relspec-watch: change detected: 1 file(s): tasks/a.sql\n"
        "relspec-watch: ready: revision 1, 1 executed, 0 restored, 0 cut off, 0 problem(s) in 5 ms\n"
    )
    assert card(layout) is None
    assert relspec("stop", "--project", str(layout.root)).returncode == 3


def running(pid: int) -> bool:
    """Say whether a process lives; a dead one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_second_daemon_is_refused_and_the_first_goes_on(layout: Layout, stand_in: Callable[[str], None]) -> None:
    stand_in("good")
    pid = json.loads(relspec("daemon", "--detach", "--json").stdout)["pid"]
    second = relspec("daemon", "--detach")
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == f"relspec-watch: error: a daemon runs already (pid {pid})\n"
    assert relspec("stop").returncode == 0


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("broken", 2, "relspec-watch: error: watch.toml:3: no such option\n"),
        ("late", 1, "relspec-watch: error: state is in use by process 4711\n"),
    ],
)
def test_a_daemon_that_cannot_start_tells_why_with_its_exit_code(
    layout: Layout, stand_in: Callable[[str], None], how: str, code: int, said: str
) -> None:
    stand_in(how)
    layout.state.mkdir()
    (layout.state / "daemon.log").write_text("of another day\n")
    started = relspec("daemon", "--detach")
    assert (started.returncode, started.stdout, started.stderr) == (code, "", said)


def test_a_daemon_that_dies_before_it_can_say_why_shows_the_end_of_its_log(
    layout: Layout, stand_in: Callable[[str], None]
) -> None:
    stand_in("dead")
    layout.state.mkdir()
    (layout.state / "daemon.log").write_text("of another day\n")
    started = relspec("daemon", "--detach")
    assert (started.returncode, started.stdout) == (1, "")
    assert started.stderr == (
        f"relspec-watch: error: the daemon did not start:\n  last words\n  hint: see {layout.state / 'daemon.log'}\n"
    )


def test_a_daemon_that_never_answers_is_ended(
    layout: Layout, stand_in: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    stand_in("silent")
    monkeypatch.setattr(daemon, "START_S", 2.0)
    assert main(["daemon", "--detach", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["code"], error["message"]) == ("no-start", "the daemon did not start:\nwaiting for nothing")
    assert [pid for pid in os.listdir("/proc") if str(layout.root) in command_line(pid)] == []


def command_line(pid: str) -> str:
    """Read how a process was started; a dead one says nothing."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_a_daemon_that_does_not_end_is_reported(
    layout: Layout, stand_in: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    stand_in("stubborn")
    pid = json.loads(relspec("daemon", "--detach", "--json").stdout)["pid"]
    monkeypatch.setattr(stop, "_END_S", 0.1)
    assert main(["stop"]) == 1
    assert f"the daemon (pid {pid}) still runs 0.1 s after" in capsys.readouterr().err


def test_a_log_that_has_grown_is_set_aside(layout: Layout, stand_in: Callable[[str], None]) -> None:
    stand_in("good")
    layout.state.mkdir()
    (layout.state / "daemon.log").write_text("x" * (1 << 20) + "y")
    assert relspec("daemon", "--detach").returncode == 0
    assert (layout.state / "daemon.log").read_text().startswith("relspec-watch: change detected")
    assert (layout.state / "daemon.log.1").read_text().endswith("xy")
    assert relspec("stop").returncode == 0


def test_a_daemon_in_the_foreground_keeps_stdout_for_its_document(
    layout: Layout, stand_in: Callable[[str], None]
) -> None:
    stand_in("good")
    command = [sys.executable, "-m", "relspec.ui.cli", "daemon", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    process.stderr.readline()
    assert process.stderr.readline().startswith("relspec-watch: ready: ")
    assert relspec("stop").returncode == 0
    out, _ = process.communicate(timeout=10)
    assert json.loads(out) == {"ok": True}


def test_on_a_terminal_the_daemon_shows_the_live_view_and_gives_the_cursor_back(
    layout: Layout, stand_in: Callable[[str], None]
) -> None:
    stand_in("good")
    ours, theirs = os.openpty()
    command = [sys.executable, "-P", "-m", "relspec.ui.cli", "daemon"]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}) as process:
        os.close(theirs)
        seen = b""
        while b"ready: revision 1" not in seen:
            seen += os.read(ours, 4096)
        assert relspec("stop").returncode == 0
        seen += rest_of(ours)
        assert process.wait(10) == 0
    assert seen.count(b"\x1b[?25l") == seen.count(b"\x1b[?25h") == 1


def rest_of(terminal: int) -> bytes:
    """Read until the other side is closed, which Linux reports as an error."""
    seen = b""
    try:
        while chunk := os.read(terminal, 4096):
            seen += chunk
    except OSError:
        pass
    os.close(terminal)
    return seen
