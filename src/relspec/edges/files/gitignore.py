"""Which folders below the task folders git passes by: generated code, caches, other people's packages.

Every `.gitignore` on the way down counts, the innermost that says anything decides. Each is read again when its stamp
has moved. Only folders are asked about, so a single file of tasks is never lost for a pattern, and never data.
"""

import os
from typing import TYPE_CHECKING

from relspec.core.scope import GITIGNORE, below, parent, steps
from relspec.edges.files.walk import Paths

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_Stamp = tuple[int, int, int]


class GitIgnored:
    """What the `.gitignore` files of a project say; for one thread."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._read: dict[str, tuple[_Stamp | None, GitIgnoreSpec | None]] = {}

    def has(self, path: str) -> bool:
        """Whether the folder at `path` in the project is passed by. Cost: a stat for each folder above it."""
        verdict = False
        for above in ("", *steps(parent(path), "")):
            patterns = self._patterns(above)
            said = None if patterns is None else patterns.check_file(f"{below(path, above)}/").include
            verdict = verdict if said is None else said
        return verdict

    def _patterns(self, folder: str) -> "GitIgnoreSpec | None":
        stamp = self._stamp(folder)
        known = self._read.get(folder)
        if known is None or known[0] != stamp:
            known = self._read[folder] = (stamp, None if stamp is None else self._parsed(folder))
        return known[1]

    def _stamp(self, folder: str) -> _Stamp | None:
        try:
            found = os.stat(self._path(folder))
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _parsed(self, folder: str) -> "GitIgnoreSpec | None":
        # Only a project with such a file pays for the import.
        from pathspec import GitIgnoreSpec  # noqa: PLC0415

        try:
            with open(self._path(folder), encoding="utf-8", errors="surrogateescape") as file:
                lines = file.read().splitlines()
        except OSError:
            return None
        # A pattern that git cannot read either counts for nothing.
        return GitIgnoreSpec.from_lines(filter(_is_readable, lines))

    def _path(self, folder: str) -> str:
        return f"{self._paths.absolute(folder)}/{GITIGNORE}"


def _is_readable(line: str) -> bool:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True
