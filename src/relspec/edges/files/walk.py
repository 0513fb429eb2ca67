"""Goes through folders: everything in the scope, nothing that is ignored, never into `state/`, never in circles.

A folder of code that a `.gitignore` excludes is ignored too, except where something in it was asked for.

`state/` is known by device and inode, and behind links by its real path: opening and closing a file of our own
database would drop the process's locks on it. A folder behind a link is walked unless it leads back to where the walk
came from. What cannot be listed is told to `fail`, and the walk goes on.
"""

import os
from collections.abc import Callable, Iterator

import msgspec

from relspec.core.layout import Layout
from relspec.core.scope import Folder, Scope, join, parent, steps

LINKS_MAX, DEPTH_MAX = 3, 64

Identity = tuple[int, int]


class Place(msgspec.Struct, frozen=True):
    """A folder on a walk: the identities of the folders that led here, and how many links were followed."""

    path: str
    chain: tuple[Identity, ...]
    links: int


class Paths:
    """Between paths as shown and absolute ones."""

    def __init__(self, layout: Layout) -> None:
        self._root = str(layout.root)

    def absolute(self, path: str) -> str:
        """Where a shown path lies."""
        return f"{self._root}/{path}" if path and not path.startswith("/") else path or self._root

    def shown(self, absolute: str) -> str:
        """How an absolute path is shown; the project itself is ""."""
        absolute = os.path.normpath(absolute)
        return "" if absolute == self._root else absolute.removeprefix(f"{self._root}/")

    def nearest(self, path: str) -> str:
        """The folder at `path`, or the nearest one above it that is there, absolute."""
        while path and not os.path.isdir(self.absolute(path)):
            path = parent(path)
        return self.absolute(path)


class Walk:
    """Walks of one look. `fail` hears of a folder that cannot be listed, and of a name that is no text.

    A folder of code is passed by where `excluded` says so, and nothing in it was asked for.
    """

    def __init__(
        self, layout: Layout, scope: Scope, excluded: Callable[[str], bool], fail: Callable[[str, OSError | None], None]
    ) -> None:
        self._paths = Paths(layout)
        self._scope = scope
        self._excluded = excluded
        self._fail = fail
        self._state = identity_of(layout.state)
        self._real_state = os.path.realpath(layout.state)
        self._approached: dict[tuple[str, str], Place | None] = {}

    def go(self, start: Place, recursive: bool) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
        """Go through a folder and, if `recursive`, all below: the path of each, and its entries that are no folders."""
        waiting = [start]
        while waiting:
            here = waiting.pop()
            entries = self._entries(here)
            if entries is None:
                continue
            files: list[os.DirEntry[str]] = []
            for entry in entries:
                path = join(here.path, entry.name)
                if self._scope.ignores(entry.name, path):
                    continue
                if not _is_folder(entry):
                    files.append(entry)
                elif recursive and (place := self._enter(here, path, entry.is_symlink())) is not None:
                    waiting.append(place)
            yield here.path, files

    def approach(self, path: str, folder: Folder) -> Place | None:
        """Go from a folder of the scope down to the folder `path`; `None` where a walk would not come by."""
        key = (path, folder.path)
        if key not in self._approached:
            self._approached[key] = self._down(path, folder)
        return self._approached[key]

    def leads_to_state(self, path: str) -> bool:
        """Whether `path`, behind its links, lies in `state/` or is it."""
        real = os.path.realpath(self._paths.absolute(path))
        return real == self._real_state or real.startswith(f"{self._real_state}/")

    def _down(self, path: str, folder: Folder) -> Place | None:
        identity = identity_of(self._paths.absolute(folder.path))
        if identity is None or self.leads_to_state(folder.path):
            return None
        place = Place(folder.path, (identity,), 0)
        for step in steps(path, folder.path):
            absolute = self._paths.absolute(step)
            if self._scope.ignores(step.rpartition("/")[2], step) or os.path.exists(f"{absolute}/pyvenv.cfg"):
                return None
            inner = self._enter(place, step, os.path.islink(absolute))
            if inner is None:
                return None
            place = inner
        return place

    def _entries(self, here: Place) -> list[os.DirEntry[str]] | None:
        try:
            with os.scandir(self._paths.absolute(here.path)) as listing:
                found = list(listing)
        except OSError as error:
            self._fail(here.path, error)
            return None
        # A virtual environment is passed by, except where the settings name it.
        if len(here.chain) > 1 and any(entry.name == "pyvenv.cfg" for entry in found):
            return None
        return found

    def _enter(self, here: Place, path: str, link: bool) -> Place | None:
        """Step into a folder, unless it is `state/` or leads back to where we came from."""
        if not is_text(path):
            self._fail(path, None)
            return None
        if self._scope.heeds_git(path) and self._excluded(path):
            return None
        identity = identity_of(self._paths.absolute(path))
        if identity is None or identity == self._state or identity in here.chain:
            return None
        if link and self.leads_to_state(path):
            return None
        links = here.links + link
        if links > LINKS_MAX or len(here.chain) > DEPTH_MAX:
            return None
        return Place(path, (*here.chain, identity), links)


def identity_of(path: str | os.PathLike[str]) -> Identity | None:
    """Device and inode of what is at `path`; `None` when nothing is."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def is_text(path: str) -> bool:
    """Whether a path is UTF-8, so that it can be shown, stored and sent."""
    if path.isascii():
        return True
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
