"""Which tables could ever come from the versions that the files had: each file whole, each at one of its versions.

Not every version goes with every other. But a file that is being written is held at the version before, while others
move on, so a table may rest on versions of several files that were never there together; an answer may not.
"""

import itertools
from collections.abc import Iterator

from tests.sim import language, pyfiles
from tests.sim.language import Table, WrongError
from tests.sim.script import FOLDERS

#: Where more tables than this are possible, nothing is said.
POSSIBLE_MAX = 400


class Versions:
    """All versions of all files, and the tables that tasks gave."""

    def __init__(self) -> None:
        self._files: dict[str, dict[bytes, None]] = {}
        self._seen: dict[str, dict[Table, None]] = {}

    def write(self, path: str, data: bytes) -> None:
        """Note a version of a file."""
        self._files.setdefault(path, {})[data] = None

    def see(self, name: str, table: Table) -> None:
        """Note that a task gave a table."""
        self._seen.setdefault(name, {})[table] = None

    def had(self, name: str, table: Table) -> bool:
        """Whether a version of a file is this table, or a task gave it."""
        return table in self._seen.get(name, ()) or table in self._of_files(name)

    def gave(self, name: str, table: Table) -> bool:
        """Whether some versions give this table."""
        possible = list(itertools.islice(self._possible(name, 0), POSSIBLE_MAX))
        return table in possible or len(possible) == POSSIBLE_MAX

    def _possible(self, name: str, depth: int) -> Iterator[Table]:
        yield from self._of_files(name)
        for data in (text for folder in FOLDERS for text in self._files.get(f"{folder}/{name}.sql", ())):
            # What is read of another task was given by it before, or is a view and was not.
            if depth == 0 or b"kind=view" in data:
                yield from self._of_text(data.decode(), depth)
        if depth == 0:
            yield from self._of_python(name, depth)

    def _of_python(self, name: str, depth: int) -> Iterator[Table]:
        helpers = (*self._files.get(pyfiles.HELPER, ()), None)
        for data in (text for folder in FOLDERS for text in self._files.get(f"{folder}/{name}.py", ())):
            said = pyfiles.read(data)
            texts = [] if said is None else [said.query(helper) for helper in helpers]
            for text in dict.fromkeys(text for text in texts if text is not None):
                yield from self._of_text(text, depth)

    def _of_files(self, name: str) -> Iterator[Table]:
        for data in self._files.get(f"data/{name}.csv", ()):
            try:
                yield language.table_of_csv(data)
            except WrongError:
                continue

    def _of_text(self, text: str, depth: int) -> Iterator[Table]:
        try:
            query = language.parse(text)
        except WrongError:
            return
        names = sorted(language.datasets(query))
        if depth > 6:
            return
        inputs = [list(dict.fromkeys((*self._seen.get(n, ()), *self._possible(n, depth + 1)))) for n in names]
        for tables in itertools.product(*inputs):
            try:
                yield language.evaluate(query, dict(zip(names, tables, strict=True)))
            except WrongError:
                continue
