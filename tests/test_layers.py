"""Who may import whom, and what the core may touch: the walls of the house."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "relspec"
FILES = sorted(SOURCE.rglob("*.py"))
ALLOWED = {
    "core": {"core"},
    "edges": {"core", "edges"},
    "app": {"core", "edges", "app"},
    "ui": {"core", "edges", "app", "ui"},
}
#: What edges that hold child processes share.
SHARED = {
    "wire",
    "async_wire",
    "forking",
    "forks",
    "parentage",
    "process_handle",
    "signals",
    "warm_parent",
    "warm_program",
}
#: Modules that touch the outside world, which the core never does.
OUTSIDE = {
    "os",
    "socket",
    "subprocess",
    "asyncio",
    "threading",
    "time",
    "random",
    "secrets",
    "sqlite3",
    "duckdb",
    "uuid",
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0]


@pytest.mark.parametrize("path", [p for p in FILES if layer(p) in ALLOWED and "template" not in p.parts], ids=str)
def test_imports_run_downwards(path: Path) -> None:
    own = layer(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "relspec" or len(parts) < 2 or parts[1] not in ALLOWED:
            continue
        assert parts[1] in ALLOWED[own], f"{path} imports {name}"
        if own == "edges" and parts[1] == "edges" and len(parts) > 2 and parts[2] not in SHARED:
            own_edge = path.relative_to(SOURCE / "edges").parts[0].removesuffix(".py")
            assert parts[2] == own_edge, f"{path}: an edge knows another one: {name}"


@pytest.mark.parametrize("path", [p for p in FILES if layer(p) == "core"], ids=str)
def test_the_core_touches_nothing_outside(path: Path) -> None:
    touched = {name.split(".")[0] for name in imports(path)} & OUTSIDE
    assert not touched, f"{path} imports {touched}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_files_and_functions_stay_readable(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 400, f"{path} outgrew its noun"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 60, f"{path}:{node.lineno} {node.name} has {length} lines"
