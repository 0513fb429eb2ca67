"""Compares where the tasks lead imports with where Python's importer finds them.

    python -m tests.cpg.imports [FOLDER ...]

Each folder stands for a `sys.path` of that folder alone; without one it is the repository's `src` and the standard
library. Prints how many imports were compared by what they lead to, how many differ, and why where that is known; ends
with 1 when any differs otherwise. Nothing is imported: the finder is asked part by part, which needs no parent.
"""

import argparse
import ast
import importlib.util
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Self

from tests.cpg.compare import STANDARD_LIBRARY, sources
from tests.cpg.outside import span, understood
from tests.cpg.tree import ROOT, graph_by_hand

#: The tasks that say what an import leads to.
OUTPUTS = ("modules", "imports", "rel_import_module")
#: Where each import stands, its method, and the files that it leads to.
LED = """
    select src.path, raw.lineno, raw.col, raw.end_lineno, raw.end_col, led.method, list(modules.path)
    from raw_imports as raw
    join src_files as src using (file_id)
    join rel_import_module as led on led.src = 'import:'
        || left(md5(raw.file_id || '|' || raw.scope_key || '|' || raw.stmt_ord || '|' || raw.alias_ord), 16)
    left join modules on modules.module_id = led.dst
    group by all
"""
#: So many differences are shown.
SHOWN = 20

Place = tuple[str, int, int, int, int]
#: What an import leads to: the method, and the file within the folder where there is one.
Led = tuple[str, str | None]


@dataclass
class Compared:
    """How many imports lead where, and those that Python leads elsewhere: with a known reason, and without."""

    n: Counter[str] = field(default_factory=Counter)
    explained: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[Place, Led, list[Led]]] = field(default_factory=list)

    def __iadd__(self, other: Self) -> Self:
        self.n += other.n
        self.explained += other.explained
        self.wrong += other.wrong
        return self


class Finder:
    """Python's own, for one folder, which holds no file of this process."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.find = cache(self._find)
        self.own = cache(self._own)

    def _find(self, name: str) -> tuple[str | None, tuple[str, ...]] | None:
        """Find the file of a module, which a package without `__init__.py` has not, and the places of its parts."""
        parent, _, last = name.rpartition(".")
        around = (None, (str(self.root),)) if not parent else self.find(parent)
        # By its last part alone: with a dot in the name, places of a namespace would be asked of the imported parent.
        spec = None if around is None or not last else PathFinder.find_spec(last, list(around[1]))
        if spec is None:
            return None
        has_source = spec.origin is not None and spec.origin.endswith(".py")
        file = Path(spec.origin or "").relative_to(self.root).as_posix() if has_source else None
        return file, tuple(spec.submodule_search_locations or ())

    def file(self, name: str) -> str | None:
        """The file of a module, where it has one."""
        found = self.find(name)
        return None if found is None else found[0]

    def _own(self, file: str, package: str) -> set[str]:
        """Find the names that a package defines, or imports from elsewhere than from itself."""
        tree, _ = understood((self.root / file).read_bytes().decode("utf-8", "replace"))
        waiting, names = list(tree.body if tree else ()), set[str]()
        while waiting:
            node: Any = waiting.pop()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.ImportFrom):
                whence = absolute("." * node.level + (node.module or ""), package)
                bound = [(alias.asname or alias.name, f"{whence}.{alias.name}") for alias in node.names]
                names |= {name for name, meant in bound if meant != f"{package}.{name}"}
            elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
                waiting += ast.iter_child_nodes(node)
        return names

    def led(self, target: str, name: str | None) -> Led:
        """Say what `import target`, or `from target import name`, leads to."""
        top = target.partition(".")[0]
        if top not in sys.builtin_module_names:
            file, inner = self.file(target), None if name is None else self.file(f"{target}.{name}")
            # An attribute of the package comes first, before anybody looks for a module.
            if inner is not None and not (file is not None and name in self.own(file, target)):
                return "internal_submodule", inner
            if file is not None:
                return "internal_module", file
        return ("stdlib" if top in sys.stdlib_module_names else "unresolved"), None

    def why(self, target: str, name: str | None, given: list[Led]) -> str | None:
        """Give the reason for which the tasks may lead elsewhere."""
        expected = self.led(target, name)
        if len(given) > 1 and expected in given and {method for method, _ in given} == {expected[0]}:
            return "two files for one module: Python takes the package"
        if target.endswith(".__init__"):
            return "a package by the name of its file, as a module beside itself"
        hidden = target.partition(".")[0] in sys.builtin_module_names
        if hidden and all(method.startswith("internal") for method, _ in given):
            return "a file that has the name of a module within the interpreter, which hides it"
        return None


def targets(tree: ast.Module, file: str) -> Iterator[tuple[Place, str, str | None]]:
    """Yield each import of a file with the module that it asks for, and the name that it takes from there."""
    package = ".".join(Path(file).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (((file, *span(alias)), alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield (file, *span(alias)), absolute("." * node.level + (node.module or ""), package), alias.name


def absolute(name: str, package: str) -> str:
    """Resolve leading dots as Python does; where that fails, no module has the name that is left."""
    try:
        return importlib.util.resolve_name(name, package)
    except ImportError:
        return name


def compare_imports(root: Path, files: Iterable[Path]) -> Compared:
    """Compare all imports of some files of a folder; only these files are known to the tasks and to Python."""
    contents = {file.relative_to(root).as_posix(): file.read_bytes() for file in files}
    given: dict[Place, list[Led]] = {}
    graph = graph_by_hand({f"src/{path}": content for path, content in contents.items()}, OUTPUTS)
    for path, lineno, col, end_lineno, end_col, method, paths in graph.rows(LED):
        at = (path.removeprefix("src/"), lineno, col, end_lineno, end_col)
        given.setdefault(at, []).extend((method, to and to.removeprefix("src/")) for to in paths)
    return judged(Finder(root), contents, given)


def judged(finder: Finder, contents: Mapping[str, bytes], given: Mapping[Place, list[Led]]) -> Compared:
    """Compare what is given of each import with what the finder says of it."""
    found = Compared()
    for file, content in contents.items():
        tree, _ = understood(content.decode("utf-8", "replace"))
        for place, target, name in targets(tree or ast.Module([], []), file):
            expected, leads = finder.led(target, name), given.get(place, [])
            found.n[expected[0]] += 1
            if leads == [expected]:
                continue
            why = finder.why(target, name, leads)
            if why is None:
                found.wrong.append((place, expected, leads))
            else:
                found.explained[why] += 1
    return found


def main() -> int:
    """Compare, and print what was."""
    parser = argparse.ArgumentParser(prog="python -m tests.cpg.imports", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=[ROOT / "src", STANDARD_LIBRARY])
    total = Compared()
    for folder in parser.parse_args().folders:
        found = compare_imports(folder.resolve(), sources(folder.resolve()))
        counts = ", ".join(f"{n:,} {method}" for method, n in sorted(found.n.items()))
        print(f"{folder}: {counts}; {len(found.wrong)} differ")
        for why, n in found.explained.items():
            print(f"    {n} explained: {why}")
        for place, expected, leads in found.wrong[:SHOWN]:
            print(f"    {place}: {leads}, not {expected}")
        total += found
    return 1 if total.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
