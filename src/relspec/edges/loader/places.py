"""Which files belong to the project, and how the user knows them. Touches nothing but names.

A file of the project is a file below its root that is not our state, not an installed package, not in a hidden folder
and not this tool itself (which may be developed with its own help). Besides, those that the user pointed at from
outside (entry points).
"""

import os
import sys

import relspec

_OURS = os.path.dirname(relspec.__file__) + os.sep
_INSTALLED = frozenset({"site-packages", "dist-packages", "node_modules"})


class Places:
    """The folders of one project, all absolute."""

    def __init__(self, root: str, folders: tuple[str, ...], state: str) -> None:
        self.root = root
        #: Where absolute imports look, in this order.
        self.search = (root, *(folder for folder in folders if folder != root))
        self._state = state + os.sep
        self._outside: set[str] = set()

    def absolute(self, path: str) -> str:
        """Turn a path that the user knows into an absolute one."""
        return os.path.normpath(os.path.join(self.root, path))

    def adopt(self, path: str) -> None:
        """Count a file from elsewhere as one of the project."""
        self._outside.add(path)

    def shown(self, path: str) -> str:
        """Name a file as the user knows it: relative to the project where it lies inside."""
        below = path.startswith(self.root + os.sep)
        return path[len(self.root) + 1 :].replace(os.sep, "/") if below else path

    def own(self, path: str) -> bool:
        """Whether an absolute path is that of a file of the project."""
        if path in self._outside:
            return True
        if not path.startswith(self.root + os.sep) or path.startswith((self._state, _OURS, sys.prefix + os.sep)):
            return False
        parts = path[len(self.root) + 1 :].split(os.sep)
        return not any(part in _INSTALLED or part.startswith(".") for part in parts)
