"""The command line against a daemon with canned answers: arguments, exit codes, one JSON document, start-up cost."""

import json
import os
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from relspec.core.errors import ConfigError, StateBusyError, StateError, UnknownNameError
from relspec.core.layout import Layout
from relspec.ui.cli import call as calls
from relspec.ui.cli import main
from relspec.ui.cli.arguments import COMMANDS, parse
from relspec.ui.cli.call import project_above

Reply = tuple[int, dict[str, Any]]
Capture = pytest.CaptureFixture[str]

EMPTY_BUILD: dict[str, Any] = {
    key: [] for key in ("recompiled", "executed", "restored", "cut_off", "blocked", "failed", "problems")
} | {"ok": True, "revision": 1, "run": 1, "ms": 2.0}
EMPTY_STATUS: dict[str, Any] = {
    "daemon": {"running": True, "pid": 1},
    "revision": 1,
    "tasks": [],
    "problems": [],
}


@pytest.fixture(autouse=True)
def _inside(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(layout.root)


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Reply]], None]:
    """Put a function in the place of what builds without a daemon."""

    def put(answer: Callable[..., Reply]) -> None:
        module = types.ModuleType("relspec.app.local")
        module.answer = answer  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "relspec.app.local", module)

    return put


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], list[tuple[Any, ...]]]:
    """Put a document in the place of what reads published tables."""

    def put(document: dict[str, Any]) -> list[tuple[Any, ...]]:
        asked: list[tuple[Any, ...]] = []
        module = types.ModuleType("relspec.app.reading")
        module.show = module.path = lambda *given: asked.append(given) or document  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "relspec.app.reading", module)
        return asked

    return put


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "relspec.ui.cli", *words]


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["build"], ("build", {"tasks": [], "file": None})),
        (["build", "a", "b"], ("build", {"tasks": ["a", "b"], "file": None})),
        (["build", "--file", "tasks/../tasks/a.sql"], ("build", {"tasks": [], "file": "tasks/a.sql"})),
        (["status", "a", "--sync"], ("status", {"tasks": ["a"], "sync": True})),
        (["status"], ("status", {"tasks": [], "sync": False})),
        (["plan", "a"], ("plan", {"tasks": ["a"]})),
        (["check"], ("check", {"tasks": []})),
        (["why", "a"], ("why", {"task": "a"})),
        (["explain", "a"], ("explain", {"task": "a"})),
        (["graph", "--format", "dot"], ("graph", {})),
        (["graph", "--cone", "a", "--cone", "b"], ("graph", {"tasks": ["a", "b"]})),
    ],
)
def test_a_command_reaches_the_daemon_and_its_document_and_exit_code_come_out(
    words: list[str], asked: tuple[str, dict[str, Any]], serving: Any, capsys: Capture
) -> None:
    with serving({words[0]: (1, {"any": ["document"]})}) as seen:
        assert main([*words, "--json"]) == 1
    assert seen == [asked]
    assert json.loads(capsys.readouterr().out) == {"any": ["document"]}


@pytest.mark.parametrize("words", [["--json", "build"], ["build", "--json"]])
def test_options_stand_before_and_after_the_command(
    words: list[str], layout: Layout, serving: Any, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    for placed in (["--project", str(layout.root), *words], [*words, "--project", str(layout.root)]):
        with serving({"build": (0, EMPTY_BUILD)}):
            assert main(placed) == 0
        assert json.loads(capsys.readouterr().out) == EMPTY_BUILD


def test_text_is_what_the_document_says(serving: Any, reading: Any, capsys: Capture) -> None:
    reading({"path": "/x y/é.parquet"})
    with serving({"build": (0, EMPTY_BUILD), "status": (0, EMPTY_STATUS)}):
        assert [main([word]) for word in ("build", "status")] == [0, 0]
        assert main(["path", "x"]) == 0
    assert capsys.readouterr().out == (
        "ok: nothing to do at revision 1 in 2 ms\nno tasks; revision 1; daemon runs (pid 1)\n/x y/é.parquet\n"
    )


def test_without_a_daemon_the_command_is_answered_here(layout: Layout, local: Any, capsys: Capture) -> None:
    seen = []
    local(lambda *asked: seen.append(asked[:3]) or (0, {"here": True}))
    assert main(["status", "--sync", "--json"]) == 0
    assert seen == [(layout, "status", {"tasks": [], "sync": True})]
    assert json.loads(capsys.readouterr().out) == {"here": True}


def test_a_state_that_is_busy_for_a_moment_is_waited_for(local: Any, serving: Any, capsys: Capture) -> None:
    daemon = serving({"plan": (0, {"by": "daemon"})})

    def busy(*_: Any) -> Reply:
        daemon.__enter__()  # The other process answers from now on.
        raise StateBusyError("busy")

    local(busy)
    assert main(["plan", "--json"]) == 0
    daemon.__exit__(None, None, None)
    assert json.loads(capsys.readouterr().out) == {"by": "daemon"}


@pytest.mark.parametrize(
    ("error", "exit_code", "code"),
    [
        (ConfigError("watch.toml:3: no"), 2, "config"),
        (UnknownNameError("task", "a", ["b"]), 2, "unknown-name"),
        (StateError("unreadable"), 1, "state"),
        (StateBusyError("another"), 1, "state-busy"),
    ],
)
def test_an_error_is_one_document_on_stdout_or_a_sentence_on_stderr(
    error: Exception, exit_code: int, code: str, local: Any, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Reply:
        raise error

    local(fail)
    monkeypatch.setattr(calls, "_BUSY_S", 0)
    assert main(["check", "--json"]) == exit_code
    out, err = capsys.readouterr()
    assert (json.loads(out)["error"], err) == ({"code": code, "message": str(error), "hint": None}, "")
    assert main(["check"]) == exit_code
    assert capsys.readouterr() == ("", f"relspec-watch: error: {error}\n")


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ([], "a command is missing", "see `relspec-watch --help`"),
        (["stauts"], "there is no command named 'stauts'", "did you mean 'status'?"),
        (["xyzzy"], "there is no command named 'xyzzy'", None),
        (["build", "--fiel", "x"], "unrecognized arguments: --fiel", "see `relspec-watch build --help`"),
        (["build", "--fil", "x"], "unrecognized arguments: --fil", "see `relspec-watch build --help`"),
        (["why"], "the following arguments are required: TASK", "see `relspec-watch why --help`"),
        (["show", "a", "-n", "-1"], None, "see `relspec-watch show --help`"),
        (["--project", "missing", "check"], "--project 'missing' is not a directory", None),
        (["build", "--file", "/etc/passwd"], None, None),
    ],
)
def test_wrong_usage_is_exit_2_with_a_sentence_and_never_a_traceback(
    words: list[str], message: str | None, hint: str | None, capsys: Capture
) -> None:
    assert main([*words, "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["hint"] == hint
    assert message is None or error["message"].startswith(message)
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("relspec-watch: error: ")


def test_an_error_of_the_daemon_is_shown_as_one(serving: Any, capsys: Capture) -> None:
    error = {"code": "unknown-name", "message": "there is no task\nnamed 'a\x1b'", "hint": "did you mean 'b'?"}
    with serving({"why": (2, {"error": error})}):
        assert main(["why", "a"]) == 2
    assert capsys.readouterr() == (
        "",
        "relspec-watch: error: there is no task\n  named 'a\\x1b'\n  hint: did you mean 'b'?\n",
    )


def test_help_and_version_end_well(capsys: Capture) -> None:
    assert [main(["--help"]), main(["--version"]), main(["build", "--help"])] == [0, 0, 0]
    shown = capsys.readouterr().out
    assert [name for name in COMMANDS if f"\n  {name} " not in shown] == []


def test_every_listed_command_can_be_called() -> None:
    for name in COMMANDS:
        needed = {"why": ["t"], "explain": ["t"], "show": ["t"], "path": ["t"], "export": ["hamilton", "t.py"]}
        words = needed.get(name, [])
        assert callable(parse([name, *words]).command.run)


def test_tables_are_read_here_and_a_number_that_json_does_not_have_is_null(
    layout: Layout, reading: Any, capsys: Capture
) -> None:
    rows = {"output": "a", "columns": [], "rows": [[float("nan"), float("inf"), 1.5]], "n_rows": 1}
    asked = reading(rows)
    assert [main(["show", "a", "-n", "3", "--json"]), main(["show", "a"])] == [0, 0]
    out = capsys.readouterr().out.splitlines()[0]
    assert json.loads(out, parse_constant=pytest.fail)["rows"] == [[None, None, 1.5]]
    assert asked == [(layout, "a", 3), (layout, "a", 20)]


def test_the_project_is_the_nearest_folder_upwards_that_looks_like_one(tmp_path: Path) -> None:
    project = tmp_path / "p"
    inner = project / "tasks" / "deep"
    inner.mkdir(parents=True)
    assert project_above(inner) == project
    (project / "tasks" / "watch.toml").touch()
    assert project_above(inner) == project / "tasks"
    assert project_above(Path("/proc/self")) == Path("/proc/self")


def test_a_linked_file_is_known_by_the_name_of_its_link(layout: Layout, serving: Any, tmp_path: Path) -> None:
    (layout.root / "elsewhere.sql").touch()
    (layout.root / "tasks" / "a.sql").symlink_to(layout.root / "elsewhere.sql")
    (alias := tmp_path.with_name(f"{tmp_path.name}-alias")).symlink_to(layout.root)
    with serving({"build": (0, EMPTY_BUILD)}) as seen:
        assert main(["build", "--file", str(alias / "tasks" / "a.sql"), "--json"]) == 0
    assert seen[0][1]["file"] == "tasks/a.sql"


def test_status_loads_little_and_nothing_heavy(serving: Any) -> None:
    heavy = (
        "asyncio msgspec rich ibis duckdb pyarrow sqlite_utils sqlglot rustworkx watchfiles inotify_simple pandas"
        " sqlite3 subprocess"
    )
    code = (
        "import sys; bare = set(sys.modules); from relspec.ui.cli import main; code = main(['status']);"
        f"print([m for m in {heavy.split()!r} if m in sys.modules], len(set(sys.modules) - bare), code)"
    )
    with serving({"status": (0, EMPTY_STATUS)}):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, loaded = done.stdout.splitlines()
    assert said == "no tasks; revision 1; daemon runs (pid 1)"
    none_heavy, n_loaded, exit_code = loaded.rsplit(maxsplit=2)
    assert (none_heavy, exit_code) == ("[]", "0")
    # Its time is that of its imports, some 100 small modules; the benchmarks hold it against bare Python.
    assert int(n_loaded) < 125


@pytest.mark.parametrize("words", [["build"], ["build", "--json"]])
def test_an_interrupt_ends_with_130_and_no_traceback(words: list[str], serving: Any) -> None:
    with serving({}) as asked:
        process = subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 10
        # One that comes between the question and the wait for its answer is not seen before the answer comes.
        waiting = psutil.Process(process.pid)
        while not (asked and waiting.status() == psutil.STATUS_SLEEPING) and time.monotonic() < deadline:
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in err
    if "--json" in words:
        assert json.loads(out)["error"]["code"] == "interrupted"


def buffered() -> dict[str, str]:
    """Give the environment in which Python keeps output back until it ends, as it does for users."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def test_a_reader_that_leaves_is_nobodys_error(serving: Any) -> None:
    graph = {"nodes": ["y" * 30] * 50_000, "edges": []}
    script = f"{' '.join(command('graph'))} | head -n 1; echo ${{PIPESTATUS[0]}}"
    with serving({"graph": (1, graph)}):
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env=buffered())
    assert (done.stdout, done.stderr) == ("{\n1\n", "")


@pytest.mark.parametrize("words", [["status"], ["--help"]])
def test_a_reader_that_was_never_there_is_nobodys_error(words: list[str], serving: Any) -> None:
    read, write = os.pipe()
    os.close(read)
    with serving({"status": (0, EMPTY_STATUS)}):
        done = subprocess.run(command(*words), stdout=write, stderr=subprocess.PIPE, check=False, env=buffered())
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_terminal_without_the_letters_gets_their_codes(serving: Any) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    never = {"task": "é", "state": "stale", "action": "never", "run": None, "at": None, "reasons": [], "chain": []}
    never |= {"made": None, "since": None}
    with serving({"why": (0, never)}):
        done = subprocess.run(command("why", "é"), capture_output=True, env=env, check=True)
    assert done.stdout == b"\\xe9 is stale: it has never run\n"


def test_output_that_a_full_disk_does_not_take_is_an_error(layout: Layout) -> None:
    command = [sys.executable, "-P", "-m", "relspec.ui.cli", "status", "--project", str(layout.root)]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=30)
    message = "relspec-watch: error: the output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, message)


def test_output_that_nobody_reads_leaves_the_exit_code_alone(layout: Layout) -> None:
    ours, theirs = os.openpty()
    os.close(ours)
    command = [sys.executable, "-P", "-m", "relspec.ui.cli", "stop", "--project", str(layout.root)]
    done = subprocess.run(command, stdout=theirs, stderr=theirs, check=False, timeout=30)
    os.close(theirs)
    assert done.returncode == 3
