"""Hamilton kept warm: one process with its imports and its connection, which reloads the module of the project."""

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))

import tables
from answering import Rows, answer
from session import cached

_built: dict[str, object] = {}


def build() -> None:
    """Take the module in as it is now and give every table of it, most of them out of the cache."""
    importlib.reload(tables)
    names = [name for name in dir(tables) if name.startswith("m_")]
    _built.update(cached(tables).execute(names))


def show(name: str) -> Rows:
    """Give the rows of a table that the last build gave."""
    return [list(row.values()) for row in _built[name].to_pylist()]


if __name__ == "__main__":
    answer(build, show)
