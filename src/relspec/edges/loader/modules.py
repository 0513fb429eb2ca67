"""The Python sources that a session's process has loaded: each once, with what it declares or why it does not load."""

from collections.abc import Callable
from typing import Any

from relspec.core.problem import Code, Problem
from relspec.core.work import Loaded, LoadFailed
from relspec.edges.loader.blame import problem_of
from relspec.edges.loader.code_digest import code_digest
from relspec.edges.loader.declared import Declared, declared
from relspec.edges.loader.importing import Imports
from relspec.edges.loader.snapshot import Snapshot
from relspec.edges.loader.tables import Tables


class Modules:
    """Loads files by path. A file that failed stays failed for the life of the process: its bytes stay the same."""

    def __init__(self, snapshot: Snapshot, imports: Imports, tables: Tables) -> None:
        self._snapshot = snapshot
        self._tables = tables
        self._imports = imports
        self._outcomes: dict[str, Declared | Problem] = {}
        # By the function itself: one that keeps state must not change its digest by being called.
        self._digests: dict[Callable[..., Any], str] = {}

    def load(self, shown: str) -> Loaded | LoadFailed:
        """Load a file and list what it declares."""
        outcome = self.declared(shown)
        path = self._snapshot.places.absolute(shown)
        files, names = self._snapshot.files(path), self._snapshot.imports(path)
        if isinstance(outcome, Problem):
            return LoadFailed(outcome, files, names)
        tasks = tuple(spec for spec, _ in outcome.tasks)
        extractors = tuple(spec for spec, _ in outcome.extractors)
        return Loaded(shown, tasks, extractors, files, names, outcome.problems)

    def declared(self, shown: str) -> Declared | Problem:
        """Give what a file declares, with the functions; loads the file when that was not done."""
        path = self._snapshot.places.absolute(shown)
        self._snapshot.current = path
        if path not in self._outcomes:
            self._outcomes[path] = self._load(path, shown)
        return self._outcomes[path]

    def digest(self, function: Callable[..., Any]) -> str:
        """Hash the code of a function of a loaded file."""
        if function not in self._digests:
            self._digests[function] = code_digest(function, self.file_of(function), self._snapshot)
        return self._digests[function]

    def file_of(self, function: Callable[..., Any]) -> str:
        """Find the file that defines a function; the one being worked on where the function does not tell."""
        code = getattr(function, "__code__", None)
        return str(code.co_filename) if code is not None else self._snapshot.current or ""

    def _load(self, path: str, shown: str) -> Declared | Problem:
        try:
            return declared(self._imports.load(path), shown, self._tables, self.digest)
        except BaseException as error:  # noqa: BLE001 - `sys.exit()` in a file is a problem of that file.
            code = Code.LOAD
            if isinstance(error, OSError) and error.filename == path and not self._snapshot.is_code(path):
                code = Code.UNREADABLE
            return problem_of(error, code, self._snapshot, (path, 1))
