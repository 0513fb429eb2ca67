"""Whatever the application does to the outside goes through `app/ports.py`, so that the simulation sees all of it.

What is looked for are the names of modules that reach the outside, and methods of paths that touch files. The modules
that put a process together are the machine's own side of the ports, and named here with the reason.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "relspec"
#: Modules of the application that are no part of an open workspace.
OUTSIDE = {
    "machine.py": "fills the ports",
    "signals.py": "hears what the process is told",
    "loader_process.py": "is the start of a process of its own",
    "loader_engine.py": "is loaded by that process, and by those that it forks",
    "loader_ahead.py": "is loaded by that process",
    "project.py": "is called by scripts, in their process",
    "reading.py": "reads published files, in the reader's process",
    "glance.py": "reads the state where no daemon lives",
}
FILES = sorted(p for layer in ("app", "core") for p in (SOURCE / layer).rglob("*.py") if p.name not in OUTSIDE)
#: What of these modules may be used: it touches nothing.
HARMLESS = {
    "signal": {"SIGINT", "SIGTERM", "SIGHUP"},
    "os": {"getpid", "environ"},
    "datetime": {"datetime", "UTC", "fromtimestamp"},
}
#: Of `datetime`, what reads the clock.
CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
REACHING = frozenset(
    [
        "os",
        "io",
        "time",
        "random",
        "secrets",
        "uuid",
        "socket",
        "subprocess",
        "threading",
        "multiprocessing",
        "shutil",
        "tempfile",
        "signal",
        "fcntl",
        "datetime",
        "platform",
        "sqlite3",
        "duckdb",
        "glob",
        "concurrent",
    ]
)
#: Of asyncio, what starts a process, opens a connection or picks another loop.
LOOPS = frozenset(
    [
        "create_subprocess_exec",
        "create_subprocess_shell",
        "open_connection",
        "start_server",
        "open_unix_connection",
        "start_unix_server",
        "new_event_loop",
        "get_event_loop",
    ]
)
#: Methods that touch the file that a path names.
TOUCHING = frozenset(
    [
        "exists",
        "is_file",
        "is_dir",
        "is_symlink",
        "stat",
        "lstat",
        "read_text",
        "read_bytes",
        "write_text",
        "write_bytes",
        "open",
        "unlink",
        "mkdir",
        "rmdir",
        "touch",
        "iterdir",
        "rglob",
        "samefile",
        "rename",
        "symlink_to",
        "hardlink_to",
        "chmod",
    ]
)
#: The scanner's `exists` is a port.
#: Whether there still is a project is asked where none is open.
PORTS = {"files.exists", "self._workspace.files.exists", "workspace.files.exists", "layout.root.is_dir"}


def reaches(tree: ast.AST) -> Iterator[str]:
    """Everything in a module that goes round the ports, as written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] in REACHING - HARMLESS.keys())
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            module = node.module.split(".")[0]
            allowed = HARMLESS.get(module, set())
            yield from (f"{module}.{a.name}" for a in node.names if module in REACHING and a.name not in allowed)
        elif isinstance(node, ast.Attribute):
            yield from _of_attribute(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"open", "input"}:
            yield node.func.id


def _of_attribute(node: ast.Attribute) -> Iterator[str]:
    written = ast.unparse(node)
    owner = node.value.id if isinstance(node.value, ast.Name) else ""
    if (
        (owner in REACHING and node.attr not in HARMLESS.get(owner, set()))
        or (owner == "asyncio" and node.attr in LOOPS)
        or written in CLOCKS
        or (node.attr in TOUCHING and written not in PORTS)
    ):
        yield written


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_nothing_goes_round_the_ports(path: Path) -> None:
    assert list(reaches(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(
    "text",
    [
        "import time",
        "from time import monotonic",
        "open('x')",
        "layout.views.exists()",
        "os.stat(p)",
        "datetime.now()",
        "asyncio.create_subprocess_exec('x')",
        "import random",
        "from uuid import uuid4",
        "Path(p).read_bytes()",
    ],
)
def test_what_goes_round_them_is_found(text: str) -> None:
    assert list(reaches(ast.parse(text)))
