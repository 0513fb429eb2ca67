"""Simulated files: inodes and folders, stamps with a tick of their own, writers who have files open, and who is told.

Every change goes to `tell` with the folder's inode, the name and what happened, as inotify sees it. Stamps are the
clock rounded down to `tick_ns`; a time that somebody set stays as it was set, but never that of the last change of the
inode.
"""

import errno
import itertools
import os
import posixpath
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from inotify_simple import flags

DEVICE = 64
CREATE, MODIFY, CLOSE_WRITE, ATTRIB = flags.CREATE, flags.MODIFY, flags.CLOSE_WRITE, flags.ATTRIB
MOVED_FROM, MOVED_TO, MOVE_SELF = flags.MOVED_FROM, flags.MOVED_TO, flags.MOVE_SELF
DELETE, IGNORED = flags.DELETE, flags.IGNORED


@dataclass(slots=True)
class Inode:
    """A file or, with `entries`, a folder. `writers` have it open for writing."""

    number: int
    data: bytes = b""
    entries: "dict[str, Inode] | None" = None
    mtime_ns: int = 0
    ctime_ns: int = 0
    writers: int = 0
    refused: bool = False

    def stat(self) -> "Status":
        """What `stat` says."""
        mode = stat.S_IFREG | 0o644 if self.entries is None else stat.S_IFDIR | 0o755
        return Status(DEVICE, self.number, len(self.data), self.mtime_ns, self.ctime_ns, mode)


@dataclass(frozen=True, slots=True)
class Status:
    """As `os.stat_result`, as far as anybody looks."""

    st_dev: int
    st_ino: int
    st_size: int
    st_mtime_ns: int
    st_ctime_ns: int
    st_mode: int


@dataclass(frozen=True, slots=True)
class Entry:
    """As `os.DirEntry`."""

    name: str
    folder: bool

    def is_dir(self) -> bool:
        """Whether it is a folder."""
        return self.folder

    def is_symlink(self) -> bool:
        """There are no links here."""
        return False


@dataclass
class Disk:
    """All files. `versions` counts the changes, so that states of the tree can be told apart cheaply."""

    now_ns: Callable[[], int]
    tick_ns: int
    leases: bool = True
    tell: Callable[..., None] = lambda _folder, _name, *_signs: None
    root: Inode = field(default_factory=lambda: Inode(1, entries={}))
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    def stamp(self) -> int:
        """The time that a change of this moment gets."""
        return self.now_ns() // self.tick_ns * self.tick_ns

    def find(self, path: str) -> Inode:
        """The inode at an absolute path; raises OSError."""
        here = self.root
        for name in path.split("/"):
            if not name:
                continue
            if here.entries is None:
                raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
            found = here.entries.get(name)
            if found is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            here = found
        return here

    def has(self, path: str) -> bool:
        """Whether something is there."""
        try:
            self.find(path)
        except OSError:
            return False
        return True

    def make_folders(self, path: str) -> Inode:
        """Make a folder and all above it."""
        if path in ("", "/"):
            return self.root
        above = self.make_folders(posixpath.dirname(path))
        assert above.entries is not None
        name = posixpath.basename(path)
        if name not in above.entries:
            self._put(above, name, Inode(next(self._numbers), entries={}))
        return above.entries[name]

    def mkdir(self, path: str) -> None:
        """Make one folder; raises OSError."""
        above = self.find(posixpath.dirname(path))
        if self.has(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        self._put(above, posixpath.basename(path), Inode(next(self._numbers), entries={}))

    def create(self, path: str, data: bytes = b"") -> Inode:
        """Make a new file, in place of one that is there."""
        inode = Inode(next(self._numbers), data)
        inode.mtime_ns = inode.ctime_ns = self.stamp()
        self._put(self.make_folders(posixpath.dirname(path)), posixpath.basename(path), inode, CREATE, CLOSE_WRITE)
        return inode

    def write(self, path: str, data: bytes, *, silent: bool = False) -> None:
        """Change the bytes of a file in place; `silent` as through a mapping, of which nobody hears."""
        inode = self.find(path)
        inode.data = data
        inode.mtime_ns = inode.ctime_ns = self.stamp()
        if not silent:
            self.say(path, MODIFY, *(() if inode.writers else (CLOSE_WRITE,)))

    def replace(self, source: str, target: str) -> None:
        """Rename, over what is there."""
        inode = self.find(source)
        above = self.find(posixpath.dirname(source))
        assert above.entries is not None
        del above.entries[posixpath.basename(source)]
        inode.ctime_ns = self.stamp()
        self.tell(above, posixpath.basename(source), MOVED_FROM | _kind(inode))
        self._put(self.find(posixpath.dirname(target)), posixpath.basename(target), inode, MOVED_TO | _kind(inode))
        self.tell(inode, "", MOVE_SELF)

    def unlink(self, path: str) -> None:
        """Take away a file or a folder with all in it; raises OSError."""
        self.find(path)
        above = self.find(posixpath.dirname(path))
        assert above.entries is not None
        gone = above.entries.pop(posixpath.basename(path))
        self._lose(gone)
        self.tell(above, posixpath.basename(path), DELETE | _kind(gone))

    def utime(self, path: str, mtime_ns: int | None) -> None:
        """Set the time of the last write, to the present with `None`."""
        inode = self.find(path)
        inode.ctime_ns = self.stamp()
        inode.mtime_ns = inode.ctime_ns if mtime_ns is None else mtime_ns
        self.say(path, ATTRIB)

    def files(self, below: str) -> Iterator[tuple[str, Inode]]:
        """All files below a folder, by path."""
        waiting = [(below, self.find(below))]
        while waiting:
            path, inode = waiting.pop()
            if inode.entries is None:
                yield path, inode
            else:
                waiting += [(f"{path}/{name}", found) for name, found in inode.entries.items()]

    def _put(self, above: Inode, name: str, inode: Inode, *signs: int) -> None:
        assert above.entries is not None
        above.entries[name] = inode
        above.mtime_ns = above.ctime_ns = self.stamp()
        self.tell(above, name, *(signs or (CREATE | _kind(inode),)))

    def _lose(self, inode: Inode) -> None:
        for name, found in list((inode.entries or {}).items()):
            self._lose(found)
            assert inode.entries is not None
            del inode.entries[name]
            self.tell(inode, name, DELETE | _kind(found))
        self.tell(inode, "", IGNORED)

    def say(self, path: str, *signs: int) -> None:
        """Tell of a file, whatever became of it."""
        self.tell(self.find(posixpath.dirname(path)), posixpath.basename(path), *signs)


def _kind(inode: Inode) -> int:
    return 0 if inode.entries is None else int(flags.ISDIR)
