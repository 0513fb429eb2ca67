"""Which files belong to a project: where to walk, which files to take, what to pass by. Pure: paths in, answers out.

Paths are as shown to the user: relative to the project, with `/`, or absolute outside of it; the project is "".
What is ignored stays ignored however it is reached, except a folder or a file that the settings name in full.
"""

import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import PurePosixPath

import msgspec

from relspec.core.dataset import SUFFIXES
from relspec.core.globs import folder_of, is_glob, matches
from relspec.core.settings import Settings
from relspec.core.tree import CODE_SUFFIXES, CONFIG_NAME, suffix_of

#: The name of the files with git's patterns.
GITIGNORE = ".gitignore"
#: Folders that hold other people's code or caches. A virtual environment of another name is known by `pyvenv.cfg`.
_FOREIGN = frozenset({"node_modules", "__pycache__", "site-packages"})
#: What editors and tools write aside before they rename: vim, emacs, JetBrains, DuckDB's COPY, browsers, rsync.
_TEMPORARY = re.compile(
    r"\..*|.*~|#.*#|4913|tmp_.*|.*\.(?:sw[a-z]|tmp|temp|part|partial|crdownload|bak)|.*___jb_\w+___"
)


class Folder(msgspec.Struct, frozen=True):
    """A folder to walk: itself only, or with all below."""

    path: str
    recursive: bool

    def holds(self, path: str) -> bool:
        """Whether a walk of this folder comes by `path`, were nothing ignored."""
        if not is_below(path, self.path):
            return False
        return self.recursive or "/" not in below(path, self.path)


class Scope(msgspec.Struct, frozen=True, dict=True):
    """The settings, with what the tasks were found to need besides: `globs` of extractors, `files` they import.

    `modules` are dotted names that were imported, or looked for in vain: a file that would be found is taken too.
    """

    settings: Settings
    globs: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()

    @cached_property
    def folders(self) -> tuple[Folder, ...]:
        """Where to walk; none lies within what another one walks."""
        found = {Folder("", False)}
        found |= {Folder(path, True) for path in (*self.settings.tasks, *self.settings.data)}
        found |= {_folder_of(pattern) for pattern in self._patterns}
        found |= {Folder(parent(path), False) for path in self._named}
        return tuple(
            folder
            for folder in sorted(found, key=lambda f: (f.path, not f.recursive))
            if not any(other is not folder and self._walks(other, folder) for other in found)
        )

    def wants(self, path: str) -> bool:
        """Whether a file at `path` belongs to the project."""
        suffix = suffix_of(path)
        if path == CONFIG_NAME or path in self._named or (suffix == ".py" and "/" not in path):
            return True
        if suffix in CODE_SUFFIXES and path.startswith(self._task_prefixes):
            return True
        if suffix.lower() in SUFFIXES and path.startswith(self._data_prefixes):
            return True
        return any(path.startswith(prefix) and matches(pattern, path) for prefix, pattern in self._prefixed)

    def ignores(self, name: str, path: str) -> bool:
        """Whether a file or folder called `name` is passed by, with all below it."""
        if path == CONFIG_NAME:
            return False
        if name in _FOREIGN or _TEMPORARY.fullmatch(name) is not None:
            return path not in self._exact
        return any(matches(pattern, path if "/" in pattern else name) for pattern in self._ignored)

    def heeds_git(self, path: str) -> bool:
        """Whether a `.gitignore` may exclude the folder `path`: one of code, with nothing in it that was asked for."""
        if not self.settings.watch.gitignore or not path.startswith(self._task_prefixes):
            return False
        asked = (*self.settings.tasks, *self._named, *self._inputs)
        return not any(is_below(name, path) or name == path for name in asked) and not any(
            is_below(path, folder) for folder in self._inputs
        )

    def folder_of(self, path: str) -> Folder | None:
        """The folder whose walk comes by `path`; the innermost, where a folder was named below an ignored one."""
        holding = [folder for folder in self.folders if folder.holds(path)]
        return max(holding, key=lambda folder: len(folder.path)) if holding else None

    def _walks(self, other: Folder, folder: Folder) -> bool:
        if other.path == folder.path:
            return other.recursive
        if not (other.recursive and is_below(folder.path, other.path)):
            return False
        return not any(self.ignores(PurePosixPath(step).name, step) for step in steps(folder.path, other.path))

    @cached_property
    def _patterns(self) -> tuple[str, ...]:
        return (*(source.pattern for source in self.settings.sources), *sorted(self.globs))

    @cached_property
    def _inputs(self) -> frozenset[str]:
        """The folders in which inputs lie."""
        return frozenset({*self.settings.data, *(_folder_of(pattern).path for pattern in self._patterns)} - {""})

    @cached_property
    def _prefixed(self) -> tuple[tuple[str, str], ...]:
        return tuple((re.split(r"[*?\[]", pattern, maxsplit=1)[0], pattern) for pattern in self._patterns)

    @cached_property
    def _named(self) -> frozenset[str]:
        candidates = (name.replace(".", "/") + end for name in self.modules for end in (".py", "/__init__.py"))
        return self.files | frozenset(candidates)

    @cached_property
    def _exact(self) -> frozenset[str]:
        return self._named | frozenset(pattern for pattern in self._patterns if not is_glob(pattern))

    @cached_property
    def _task_prefixes(self) -> tuple[str, ...]:
        return tuple(f"{folder}/" for folder in self.settings.tasks)

    @cached_property
    def _data_prefixes(self) -> tuple[str, ...]:
        return tuple(f"{folder}/" for folder in self.settings.data)

    @cached_property
    def _ignored(self) -> tuple[str, ...]:
        return tuple(pattern.rstrip("/") for pattern in self.settings.watch.ignore)


def parent(path: str) -> str:
    """The folder of `path`; of a name in the project it is ""."""
    return path.rpartition("/")[0] or ("/" if path.startswith("/") else "")


def is_below(path: str, folder: str) -> bool:
    """Whether `path` lies somewhere in `folder`."""
    if not folder:
        return not path.startswith("/") and path != ""
    return path.startswith("/" if folder == "/" else f"{folder}/")


def below(path: str, folder: str) -> str:
    """The rest of `path` within `folder`."""
    return path if not folder else path[len(folder) :].lstrip("/")


def join(folder: str, name: str) -> str:
    """The path of `name` in `folder`."""
    if not folder:
        return name
    return f"/{name}" if folder == "/" else f"{folder}/{name}"


def steps(path: str, folder: str) -> Iterable[str]:
    """The paths on the way from `folder` (without) down to `path` (with)."""
    at = folder
    for name in below(path, folder).split("/"):
        if name:
            at = join(at, name)
            yield at


def _folder_of(pattern: str) -> Folder:
    """The folder that a glob needs walked: what stands before its first wildcard."""
    *folders, name = pattern.split("/")
    return Folder(folder_of(pattern), any(is_glob(folder) for folder in folders) or "**" in name)
