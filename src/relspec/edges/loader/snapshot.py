"""What user code has used of the project so far: each file by the bytes that were read, and who used whom.

A file is read once in the life of a process; everything later sees those bytes. So a session works on one version of
each file, and the content that is reported is that of the bytes that ran.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterable
from types import FrameType

from relspec.core.digest import content_of
from relspec.core.plan import ABSENT, FileUse
from relspec.edges.loader.places import Places

Note = Callable[[tuple[FileUse, ...], tuple[str, ...]], None]

#: A file that is opened in one of these ways is written rather than read.
_WRITING = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


class Snapshot:
    """Files by absolute path; `note` is told of what a request reads, uses and tries, each once."""

    def __init__(self, places: Places, note: Note) -> None:
        self.places = places
        self._note = note
        #: The file that is being loaded or built: it answers for whatever nobody else can be blamed for.
        self.current: str | None = None
        self._code: dict[str, bytes] = {}
        self._contents: dict[str, str] = {}
        self._edges: dict[str, dict[str, None]] = {}
        self._names: dict[str, set[str]] = {}
        self._noted: set[str] = set()

    def begin(self) -> None:
        """A request begins: whatever is used for it is told, also what was read for an earlier one."""
        self._noted.clear()

    def code(self, path: str) -> bytes:
        """Give the bytes of a Python file, the same ones each time."""
        if path not in self._code:
            with open(path, "rb") as file:
                self._code[path] = file.read()
            self._contents[path] = content_of(self._code[path])
            self._note(self.files(path), ())
        return self._code[path]

    def is_code(self, path: str | None) -> bool:
        """Whether a path is that of a Python file of the project that was read."""
        return path in self._code

    def content(self, path: str) -> str:
        """Give the content by which a used file is known; `ABSENT` where it could not be read."""
        return self._contents.get(path, ABSENT)

    def look(self, path: str) -> None:
        """Take the content of a data file that user code is about to open; the file may be missing."""
        if path in self._contents:
            return
        try:
            with open(path, "rb") as file:
                self._contents[path] = content_of(file.read())
        except (FileNotFoundError, NotADirectoryError):
            self._contents[path] = ABSENT

    def uses(self, user: str | None, used: str) -> None:
        """Remember that the file `user` has used the file `used`."""
        user = user or self.current
        if user is not None and user != used:
            self._edges.setdefault(user, {})[used] = None
            # What comes to be used below it is told when it does.
            if used not in self._noted:
                self._noted.update(self.closure(used))
                self._note(self.files(used), self.imports(used))

    def tried(self, user: str | None, names: Iterable[str]) -> None:
        """Remember the names of modules that a file tried to import."""
        if user is not None and (fresh := set(names) - self._names.setdefault(user, set())):
            self._names[user] |= fresh
            self._note((), tuple(sorted(fresh)))

    def closure(self, path: str) -> tuple[str, ...]:
        """List `path` and all that it has used, directly or not; itself first, the others sorted."""
        found, pending = {path}, [path]
        while pending:
            for used in self._edges.get(pending.pop(), ()):
                if used not in found:
                    found.add(used)
                    pending.append(used)
        return (path, *sorted(found - {path}))

    def files(self, path: str) -> tuple[FileUse, ...]:
        """List the closure of `path` with contents; files that could not be read are left out."""
        known = (used for used in self.closure(path) if used in self._contents)
        return tuple(FileUse(self.places.shown(used), self._contents[used]) for used in known)

    def imports(self, path: str) -> tuple[str, ...]:
        """List the names of modules that the closure of `path` tried to import, sorted."""
        return tuple(sorted({name for used in self.closure(path) for name in self._names.get(used, ())}))

    def user_of(self, frame: FrameType | None) -> str | None:
        """Find the nearest file of the project on the stack."""
        while frame is not None:
            if frame.f_code.co_filename in self._code:
                return frame.f_code.co_filename
            frame = frame.f_back
        return None


def watch_opens(snapshot: Snapshot) -> None:
    """Notice each file of the project that Python code opens for reading, from now on and for good.

    Seen is what goes through `open` and `os.open`. Libraries that open files in C (DuckDB, pyarrow) are not seen, and
    neither is the listing of folders.
    """
    own = threading.local()

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event != "open" or getattr(own, "busy", False):
            return
        own.busy = True
        try:
            _opened(snapshot, *arguments[:3])
        finally:
            own.busy = False

    sys.addaudithook(hook)


def _opened(snapshot: Snapshot, path: object, _mode: object, flags: object) -> None:
    if not isinstance(path, (str, bytes)) or not isinstance(flags, int) or flags & _WRITING:
        return
    absolute = os.path.abspath(os.fsdecode(path))
    if absolute.endswith((".py", ".pyc", ".so")) or not snapshot.places.own(absolute) or os.path.isdir(absolute):
        return
    snapshot.look(absolute)
    snapshot.uses(snapshot.user_of(sys._getframe(2)), absolute)  # noqa: SLF001 - there is no public way to the stack.
