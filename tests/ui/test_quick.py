"""`status --json` past the command line: the same bytes, the same exit code, or the command line itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from relspec.core.layout import SOCKET_PATH_BYTES_MAX, Layout
from relspec.ui import quick

TASK = {"name": "é\x07", "output": "a", "state": "failed", "rows": 3, "ms": 0.1, "reason": 'said "no"', "kind": "view"}
TASK |= {"fingerprint": "f", "executed_at": None}
STATUS = {"daemon": {"running": True, "pid": 1}, "revision": 1, "tasks": [TASK], "problems": []}
#: What the quick way may load; the command line begins with argparse.
LOADED = "import sys; from relspec.ui import quick; code = quick.main(); print('argparse' in sys.modules, code, end='')"
#: All that it loads of its own; `-S` because an environment may load anything at the start.
ALONE = """
import os, sys
sys.path.insert(0, sys.argv.pop(1))
before = {*sys.modules}
from relspec.ui import quick
code = quick.main()
print(sorted({*sys.modules} - before), file=sys.stderr)
"""


def ran(module: str, *words: str, cwd: Path | None = None) -> tuple[int, bytes, bytes]:
    done = subprocess.run([sys.executable, "-m", module, *words], capture_output=True, cwd=cwd, check=False)
    return done.returncode, done.stdout, done.stderr


def takes_the_quick_way(*words: str, cwd: Path) -> bool:
    done = subprocess.run([sys.executable, "-c", LOADED, *words], capture_output=True, text=True, cwd=cwd, check=False)
    return "False" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("exit_code", [0, 1])
def test_the_document_is_that_of_the_command_line(serving: Any, layout: Layout, exit_code: int) -> None:
    (layout.root / "tasks" / "deeper").mkdir(parents=True)
    inside = layout.root / "tasks" / "deeper"
    with serving({"status": (exit_code, STATUS)}) as asked:
        for words in (["status", "--json"], ["--json", "status"], ["status", "--json", "--project", str(layout.root)]):
            here = Path("/") if "--project" in words else inside
            assert takes_the_quick_way(*words, cwd=here), words
            assert ran("relspec.ui.quick", *words, cwd=here) == ran("relspec.ui.cli", *words, cwd=here)
    assert asked == [("status", {"tasks": [], "sync": False})] * 9


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["status", "a", "--json"],
        ["status", "--sync", "--json"],
        ["status", "--json", "--project"],
        ["--json"],
    ],
)
def test_what_is_asked_otherwise_goes_to_the_command_line(serving: Any, layout: Layout, words: list[str]) -> None:
    with serving({"status": (0, STATUS)}):
        assert not takes_the_quick_way(*words, cwd=layout.root)
        assert ran("relspec.ui.quick", *words, cwd=layout.root) == ran("relspec.ui.cli", *words, cwd=layout.root)


def test_next_to_nothing_is_loaded(serving: Any, layout: Layout) -> None:
    source = str(Path(quick.__file__).parents[2])
    with serving({"status": (0, STATUS)}):
        command = [sys.executable, "-S", "-c", ALONE, source, "status", "--json", "--project", str(layout.root)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == "['_socket', 'relspec', 'relspec.ui', 'relspec.ui.quick']\n"


def test_a_reply_that_is_not_whole_or_not_plain_is_for_the_command_line() -> None:
    whole = b'{"exit": 1, "document": {"a": {}}}\n'
    assert quick._opened(bytearray(whole)) == (1, b'{"a": {}}\n')
    for line in (whole[:-1], whole[:20], b"", whole.replace(b"1", b""), b'{"exit": 2, "error": "no", "hint": {}}\n'):
        assert quick._opened(bytearray(line)) is None, line


def test_a_number_that_json_does_not_have_is_null(serving: Any, layout: Layout) -> None:
    with serving({"status": (0, STATUS | {"ms": float("nan")})}):
        _, out, _ = ran("relspec.ui.quick", "status", "--json", cwd=layout.root)
    assert b'"ms": null' in out


def test_an_error_of_the_daemon_is_told_by_the_command_line(serving: Any, layout: Layout) -> None:
    with serving({"status": (2, {"error": {"code": "config", "message": "watch.toml:1: no", "hint": None}})}):
        found = ran("relspec.ui.quick", "status", "--json", cwd=layout.root)
        assert found == ran("relspec.ui.cli", "status", "--json", cwd=layout.root)


def test_without_a_daemon_the_state_is_read(layout: Layout) -> None:
    assert not takes_the_quick_way("status", "--json", cwd=layout.root)
    assert ran("relspec.ui.quick", "status", "--json", cwd=layout.root)[0] == 0


def test_a_socket_with_a_path_that_is_too_long_is_found_by_the_command_line(tmp_path: Path) -> None:
    root = tmp_path / ("x" * SOCKET_PATH_BYTES_MAX) / "project"
    (root / "state").mkdir(parents=True)
    assert quick._project(["status", "--json", "--project", str(root)]) == str(root)
    with pytest.raises(OSError, match=r"AF_UNIX|No such file"):
        quick._reply(str(root))


def test_a_daemon_of_somebody_else_is_not_believed(
    serving: Any, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({"status": (0, STATUS)}):
        assert quick._reply(str(layout.root)) is not None
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        assert quick._reply(str(layout.root)) is None


def test_output_that_a_full_disk_does_not_take_is_an_error(serving: Any, layout: Layout) -> None:
    with serving({"status": (0, STATUS)}), open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "relspec.ui.quick", "status", "--json", "--project", str(layout.root)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    message = "relspec-watch: error: the output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, message)


def test_the_installed_command_starts_here() -> None:
    command = shutil.which("relspec-watch", path=str(Path(sys.executable).parent))
    assert command is not None
    assert "from relspec.ui.quick import main" in Path(command).read_text()
