"""The watched files as they were at one look: paths, stamps, and for code the hash of the bytes.

A path is relative to the project where the file lies in it, else absolute; always with `/`. A tree is compared with a
later one by `settle.changes_between`. It knows nothing of what the files mean.
"""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

import msgspec

from relspec.core.dataset import Stamp
from relspec.core.problem import Problem

#: Files with these endings are code: known by their content, so that a touch is no change.
CODE_SUFFIXES = frozenset({".py", ".sql"})
CONFIG_NAME = "watch.toml"


class FileEntry(msgspec.Struct, frozen=True):
    """One file. `content` is the hash of its bytes for code, and `None` for data, which the engines hash on intake."""

    path: str
    stamp: Stamp
    content: str | None


Tree = Mapping[str, FileEntry]


class Scan(msgspec.Struct, frozen=True):
    """The outcome of one look.

    `held` are paths that are still being written, or whose stamp is too young to be trusted: the tree shows them as
    they were before, and they want another look soon. `problems` are files and folders that cannot be read. `touched`
    are all paths that can differ from the tree before; `None` where that can be any.
    """

    tree: Tree
    problems: tuple[Problem, ...]
    held: frozenset[str]
    touched: frozenset[str] | None = None


def is_code(path: str) -> bool:
    """Whether the file is known by its content rather than by its stamp."""
    return path == CONFIG_NAME or suffix_of(path) in CODE_SUFFIXES


def module_names(path: str) -> Iterable[str]:
    """All dotted names under which a new Python file can be imported, from any folder on its way in the project."""
    if path.startswith("/") or not path.endswith(".py"):
        return
    parts = PurePosixPath(path).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    for start in range(len(parts)):
        for end in range(start + 1, len(parts) + 1):
            yield ".".join(parts[start:end])


def suffix_of(path: str) -> str:
    """What follows the last dot of a name, with it; "" where that begins or ends the name.

    The same as of `pathlib`, in a twentieth of the time: a look asks it of each file.
    """
    name = path[path.rfind("/") + 1 :]
    dot = name.rfind(".")
    return name[dot:] if 0 < dot < len(name) - 1 else ""
