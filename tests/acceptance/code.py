"""The product's own source, as text and as trees: who calls what, who imports whom, what a module holds."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"
#: What makes something that can be changed.
_MAKERS = {"list", "dict", "set", "defaultdict", "deque", "Counter", "OrderedDict", "bytearray"}
_WEAK = {"WeakKeyDictionary", "WeakValueDictionary", "WeakSet", "ContextVar", "local", "ChainMap"}
_CHANGES = {"append", "add", "update", "extend", "insert", "setdefault", "pop", "remove", "discard", "clear", "set"}
_DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


@cache
def texts() -> dict[str, str]:
    """Each module of the product by its path, without the project that `init` writes."""
    found = {path.relative_to(SOURCE).as_posix(): path for path in sorted((SOURCE / "relspec").rglob("*.py"))}
    return {name: path.read_text() for name, path in found.items() if "/template/" not in name}


@cache
def tree(name: str) -> ast.Module:
    """One module as a tree."""
    return ast.parse(texts()[name])


def callers(call: str) -> set[str]:
    """The modules that call something by this name."""
    pattern = re.compile(rf"(?<![\w.]){re.escape(call)}\(")
    definition = re.compile(rf"(def|class) {re.escape(call)}\(")
    return {name for name, text in texts().items() if pattern.search(definition.sub("", text))}


def imported(name: str) -> Iterator[str]:
    """The modules of the product that a module imports, wherever in it."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from filter(None, (_path(alias.name) for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from filter(None, (_path(f"{node.module}.{alias.name}") for alias in node.names))
            yield from filter(None, [_path(node.module)])


def reached(start: str) -> set[str]:
    """All modules that come with one, by what they import."""
    found, queue = {start}, [start]
    while queue:
        fresh = set(imported(queue.pop())) - found
        found |= fresh
        queue += fresh
    return found


def _path(module: str) -> str | None:
    stem = module.replace(".", "/")
    return next((p for p in (f"{stem}.py", f"{stem}/__init__.py") if p in texts()), None)


def changed_globals(name: str) -> set[str]:
    """What a module holds for the whole process and functions of it change."""
    module = tree(name)
    held = {target.id for node in module.body for target in _targets(node)}
    if not held and "global " not in texts()[name]:
        return set()
    outer = [n for n in module.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    nodes = [node for function in outer for node in ast.walk(function)]
    rebound = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    return rebound | {found for node in nodes if (found := _changed(node)) is not None and found in held}


def _targets(node: ast.stmt) -> list[ast.Name]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return [target for target in targets if isinstance(target, ast.Name)] if _is_changeable(value) else []


def _is_changeable(value: ast.expr | None) -> bool:
    name = ast.unparse(value.func).rpartition(".")[2] if isinstance(value, ast.Call) else ""
    return isinstance(value, _DISPLAYS) or name in _MAKERS | _WEAK


def _changed(node: ast.AST) -> str | None:
    """The name of what a node changes."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
        return _name(node.func.value)
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return _name(node.value)
    return _name(node.target) if isinstance(node, ast.AugAssign) else None


def _name(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else None
