"""How user code is imported: from bytes that were read once, with a record of who imported what.

A finder stands before all others. It finds modules in the project's root and task folders, and takes over files of
the project that another finder would load (an editable install). Compiled files on disk are neither read nor written:
they are found by whole seconds, so a quick edit of the same size would run stale code. `__import__` and
`importlib.import_module` are wrapped, because an import of what is loaded already reaches no finder.

Names of the standard library, and of what the warm parent holds or may hold, never come from the project: a task file
`json.py` must not break the library that imports json. So what a file imports does not hang on what is loaded already.
"""

import builtins
import importlib
import importlib.util
import linecache
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

from relspec.core.digest import digest_of
from relspec.edges.loader.snapshot import Snapshot

#: What the warm parent, or a child of its, imports in the course of time, with all that this imports.
_OURS_LATER = frozenset({"duckdb", "_duckdb", "adbc_driver_duckdb", "pyarrow", "pandas", "_cyutility", "numpy"})
_OURS_LATER |= {"dateutil", "pytz", "six", "tzdata", "numexpr", "bottleneck"}


class CodeLoader(Loader):
    """Runs one file of the project, by the bytes of the snapshot."""

    def __init__(self, snapshot: Snapshot, path: str) -> None:
        self._snapshot = snapshot
        self._path = path

    def exec_module(self, module: ModuleType) -> None:
        """Compile and run the module; tracebacks and `inspect` show the very bytes that run."""
        snapshot, path = self._snapshot, self._path
        user = snapshot.user_of(sys._getframe(1))  # noqa: SLF001 - there is no public way to the stack.
        snapshot.uses(user, path)
        code = _compiled(snapshot.code(path), path)
        exec(code, module.__dict__)  # noqa: S102 - running the user's file is what we are here for.

    def get_source(self, _fullname: str) -> str:
        """Give the source, for `inspect` and `linecache`."""
        return importlib.util.decode_source(self._snapshot.code(self._path))


class ProjectFinder(MetaPathFinder):
    """Finds modules of the project."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._places = snapshot.places

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a file of the project; else let the others look, and only then try a folder without `__init__`."""
        parent, _, name = fullname.rpartition(".")
        if not parent and (fullname in sys.stdlib_module_names or fullname in _OURS_LATER):
            return None
        folders = list(path or ()) if parent else list(self._places.search)
        for folder in folders:
            for tail, is_package in ((f"{name}{os.sep}__init__.py", True), (f"{name}.py", False)):
                file = os.path.join(folder, tail)
                if self._places.own(file) and os.path.isfile(file):
                    return self._spec(fullname, file, is_package=is_package)
        return self._elsewhere(fullname, path, target) or self._namespace(fullname, folders)

    def file_spec(self, fullname: str, file: str) -> ModuleSpec:
        """Make the spec of a file that is loaded by its path."""
        return self._spec(fullname, file, is_package=os.path.basename(file) == "__init__.py")

    def _spec(self, fullname: str, file: str, *, is_package: bool) -> ModuleSpec:
        loader = CodeLoader(self._snapshot, file)
        folders = [os.path.dirname(file)] if is_package else None
        spec = importlib.util.spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=folders)
        assert spec is not None
        return spec

    def _elsewhere(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is None:
                continue
            origin = spec.origin or ""
            if not origin.endswith(".py") or not self._places.own(origin):
                return spec
            return self._spec(fullname, origin, is_package=spec.submodule_search_locations is not None)
        return None

    def _namespace(self, fullname: str, folders: list[str]) -> ModuleSpec | None:
        name = fullname.rpartition(".")[2]
        found = [os.path.join(folder, name) for folder in folders]
        found = [folder for folder in found if self._places.own(folder) and os.path.isdir(folder)]
        if not found:
            return None
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = found
        return spec


class Imports:
    """The import system of a session's process, once installed."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._finder = ProjectFinder(snapshot)
        loaded = frozenset(name.partition(".")[0] for name in sys.modules)
        self._ours = loaded | _OURS_LATER | sys.stdlib_module_names
        self._import = builtins.__import__
        self._import_module = importlib.import_module

    def install(self) -> None:
        """Take over imports, for good."""
        # Also by what task code starts. The parent may keep bytecode: it imports nothing of the user's.
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.meta_path.insert(0, self._finder)
        builtins.__import__ = self._importing
        importlib.import_module = self._importing_module

    def load(self, path: str) -> ModuleType:
        """Import the file at an absolute path; raises whatever its code raises.

        It gets the name under which the root of the project would import it, so that relative imports work, or a name
        of its own where it has none or another module bears it.
        """
        self._snapshot.places.adopt(path)
        name = self._name_of(path)
        if name is None or not self._leads_to(name, path):
            return self._load_apart(path)
        try:
            return self._import_module(name)
        finally:
            for package in self._files_of(_prefixes(name)):
                self._snapshot.uses(path, package)

    def _leads_to(self, name: str, path: str) -> bool:
        try:
            spec = importlib.util.find_spec(name)
        except ModuleNotFoundError as error:
            # One of the file's folders has the name of an installed package, or of a file of the project.
            if f"{name}.".startswith(f"{error.name}."):
                return False
            raise
        return spec is not None and spec.origin == path

    def _load_apart(self, path: str) -> ModuleType:
        name = f"relspec_file_{digest_of(path)[:12]}"
        if name in sys.modules:
            return sys.modules[name]
        spec = self._finder.file_spec(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            assert spec.loader is not None
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module

    def _name_of(self, path: str) -> str | None:
        shown = self._snapshot.places.shown(path)
        if os.path.isabs(shown) or not shown.endswith(".py"):
            return None
        parts = shown[:-3].split("/")
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if not parts or not all(part.isidentifier() for part in parts):
            return None
        return ".".join(parts)

    def _importing(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - the signature of `__import__`.
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        package = str((globals or {}).get("__package__") or "")
        # Ibis imports inside of its functions, some hundred times a task: what is noted of none costs next to nothing.
        if (package if level else name).partition(".")[0] in self._ours:
            return self._import(name, globals, locals, fromlist or (), level)
        absolute = _resolved("." * level + name, package)
        names = [*_prefixes(absolute), *(f"{absolute}.{part}" for part in fromlist or () if part != "*")]
        self._note_tried(names)
        try:
            return self._import(name, globals, locals, fromlist or (), level)
        finally:
            self._note_used(names)

    def _importing_module(self, name: str, package: str | None = None) -> ModuleType:
        names = list(_prefixes(_resolved(name, package or "")))
        self._note_tried(names)
        try:
            return self._import_module(name, package)
        finally:
            self._note_used(names)

    def _note_tried(self, names: list[str]) -> None:
        if names and names[0].partition(".")[0] in self._ours:
            return
        frame = sys._getframe(2)  # noqa: SLF001 - there is no public way to the stack.
        generated = frame.f_code.co_filename.startswith("<string")
        user = self._snapshot.user_of(frame) if generated else frame.f_code.co_filename
        if self._snapshot.is_code(user):
            self._snapshot.tried(user, names)

    def _note_used(self, names: list[str]) -> None:
        if names and names[0].partition(".")[0] in self._ours:
            return
        files = list(self._files_of(names))
        if not files:
            return
        user = self._snapshot.user_of(sys._getframe(2))  # noqa: SLF001
        for file in files:
            self._snapshot.uses(user, file)

    def _files_of(self, names: Sequence[str]) -> Iterator[str]:
        for name in names:
            file = getattr(sys.modules.get(name), "__file__", None)
            if self._snapshot.is_code(file):
                assert isinstance(file, str)
                yield file


def _compiled(data: bytes, path: str) -> CodeType:
    try:
        text = importlib.util.decode_source(data)
        linecache.cache[path] = (len(data), None, text.splitlines(keepends=True), path)
        return compile(data, path, "exec", dont_inherit=True)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SyntaxError(f"byte {data[error.start]:#04x} is no {error.encoding}", (path, line, 1, None)) from error
    except (SyntaxError, ValueError) as error:
        if isinstance(error, SyntaxError) and error.filename == path:
            raise
        raise SyntaxError(str(error), (path, 1, 1, None)) from error


def _resolved(name: str, package: str) -> str:
    if not name.startswith("."):
        return name
    try:
        return importlib.util.resolve_name(name, package)
    except ImportError:
        return name.lstrip(".")


def _prefixes(name: str) -> list[str]:
    parts = name.split(".") if name else []
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
