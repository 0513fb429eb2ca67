"""The object store and what users open of it: immutable Parquet files, and links under `tables/`.

An object is written by the engine and only becomes part of the state with the commit that follows `sync`. A table is
a hard link to its object, switched by rename, so it is whole at every moment; where links are not to be had, a copy.
"""

import errno
import functools
import os
import shutil
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from relspec.core.digest import content_of_stream
from relspec.core.errors import StateError
from relspec.core.layout import Layout
from relspec.core.sweep import StoredObject
from relspec.core.views import Mark, content_of_views, stamp_of_views

#: The hexadecimal digits of a content.
CONTENT_LENGTH = 32
#: So many threads wait for the disk where there is more to wait for than this.
_SYNCS_AT_ONCE = 16
#: So much is durable within the time that a commit takes.
_SOON_N = 4
_SOON_BYTES = 1 << 20


class Objects:
    """The files of one project's state."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._tables = str(layout.tables)
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._one_at_a_time = threading.Lock()
        #: Those that could not be made durable. Asked again, the system may say yes without having written anything.
        self._refused: set[str] = set()

    def has(self, content: str) -> bool:
        """Whether an object is there. Cost: one stat."""
        return os.path.exists(self._layout.object(content))

    def discard(self, contents: Iterable[str]) -> None:
        """Take objects that turned out bad out of the store; who needs them makes them again."""
        for content in contents:
            with suppress(FileNotFoundError):
                os.unlink(self._layout.object(content))

    def stored(self) -> dict[str, StoredObject]:
        """Every object that is there, by content. Cost: one stat each."""
        found: dict[str, StoredObject] = {}
        with os.scandir(self._layout.objects) as entries:
            for entry in entries:
                content, suffix = os.path.splitext(entry.name)
                if suffix == ".parquet" and len(content) == CONTENT_LENGTH:
                    status = entry.stat(follow_symlinks=False)
                    found[content] = StoredObject(status.st_size, status.st_mtime)
        return found

    def sync(self, contents: Iterable[str]) -> None:
        """Make objects durable: one fsync each, then one for the folder. To be called before the commit names them.

        Many at once, since a file system writes its journal once for all who wait for it: 600 objects cost 0.2 s, one
        after the other 1.6 s (ext4).
        """
        wanted = sorted(set(contents))
        if not wanted:
            return
        try:
            with self._one_at_a_time:
                if len(wanted) <= _SYNCS_AT_ONCE:
                    for content in wanted:
                        self._sync(content)
                else:
                    with ThreadPoolExecutor(_SYNCS_AT_ONCE) as pool:
                        list(pool.map(self._sync, wanted))
                self._sync_folder(wanted)
        except OSError as error:
            raise StateError(
                f"cannot make {error.filename or self._layout.objects} durable: {error.strerror}"
            ) from error

    def syncs_soon(self, contents: Collection[str]) -> bool:
        """Whether `sync` of these is no longer than a commit, so that it can be waited for as that is."""
        return len(contents) <= _SOON_N and sum(map(self._size, contents)) <= _SOON_BYTES

    def syncing(self, contents: Iterable[str]) -> Callable[[], object]:
        """Begin to `sync` objects beside the caller; what is returned waits for it, and raises what it raised."""
        wanted = frozenset(contents)
        if not wanted:
            return lambda: None
        try:
            return self._beside.submit(self.sync, wanted).result
        except RuntimeError:
            # The system has no room for a thread.
            return functools.partial(self.sync, wanted)

    def show(self, name: str, content: str) -> None:
        """Let `tables/<name>.parquet` be this object, atomically; nothing is done where it already is."""
        target, source = self._table(name), self._layout.object(content)
        if _is_same(target, source):
            return
        temporary = f"{self._layout.temporary}/table-{os.getpid()}-{content}"
        try:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            _link(source, temporary)
            _switch(temporary, target)
        except OSError as error:
            raise StateError(f"cannot publish {target}: {error.strerror}; check permissions and free space") from error

    def shows(self, name: str, content: str) -> bool:
        """Whether `tables/<name>.parquet` is this object."""
        return _is_same(self._table(name), self._layout.object(content))

    def hide(self, name: str) -> None:
        """Take `tables/<name>.parquet` away; readers that have it open keep it."""
        target = self._table(name)
        try:
            with suppress(FileNotFoundError):
                os.unlink(target)
        except OSError as error:
            if not _is_empty_folder(target):
                raise StateError(f"cannot take {target} away: {error.strerror}; check permissions") from error

    def shown(self) -> frozenset[str]:
        """The names under `tables/`."""
        return frozenset(p.stem for p in self._layout.tables.glob("*.parquet"))

    def damaged(self, contents: Iterable[str]) -> tuple[str, ...]:
        """The objects among these that are there with other bytes than their name says. Cost: reads them all."""
        return tuple(content for content in contents if not self._is_whole(content))

    def slice(self, contents: Sequence[str], after: str, bytes_max: int) -> tuple[str, ...]:
        """The next of these objects, in their order and from the first again, up to a size but one at least."""
        start = next((i for i, content in enumerate(contents) if content > after), 0)
        found: list[str] = []
        size = 0
        for content in (*contents[start:], *contents[:start]):
            size += self._size(content)
            if found and size > bytes_max:
                break
            found.append(content)
        return tuple(found)

    def views_stamp(self) -> str | None:
        """What tells the file of views from any that replaces it; `None` where there is none. Cost: two stats."""
        views, log = _mark(self._layout.views), _mark(self._layout.views_log)
        return None if views is None else stamp_of_views(views, log)

    def views_content(self) -> str | None:
        """The hash of the file of views with its log; `None` where they cannot be read."""
        log = self._layout.views_log
        try:
            with self._layout.views.open("rb") as file:
                return content_of_views(content_of_stream(file.read), log.read_bytes() if log.exists() else b"")
        except OSError:
            return None

    def _sync(self, content: str) -> None:
        if content in self._refused:
            self._write_again(content)
        try:
            _sync(self._layout.object(content), os.O_RDONLY)
        except _NotKeptError:
            self._refused.add(content)
            raise
        self._refused.discard(content)

    def _sync_folder(self, contents: Iterable[str]) -> None:
        try:
            _sync(str(self._layout.objects), os.O_RDONLY | os.O_DIRECTORY)
        except _NotKeptError:
            # Written again they have new entries.
            self._refused.update(contents)
            raise

    def _write_again(self, content: str) -> None:
        """Put a copy in the place of an object: its bytes are still in memory, and may be nowhere else."""
        path = self._layout.object(content)
        if not self._has_its_bytes(content):
            raise OSError(
                errno.EIO, "its bytes were lost; stop the daemon and start it, so that it is made again", path
            )
        temporary = f"{self._layout.temporary}/object-{os.getpid()}-{content}"
        try:
            shutil.copyfile(path, temporary)
            os.chmod(temporary, 0o444)
            os.replace(temporary, path)
        except OSError:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise

    def _size(self, content: str) -> int:
        """The bytes of an object; none where that cannot be told: who needs it finds out why."""
        try:
            return os.stat(self._layout.object(content)).st_size
        except OSError:
            return 0

    def _is_whole(self, content: str) -> bool:
        try:
            return self._has_its_bytes(content)
        except FileNotFoundError:
            return True
        except OSError:
            return False

    def _has_its_bytes(self, content: str) -> bool:
        with open(self._layout.object(content), "rb") as file:
            return content_of_stream(file.read) == content

    def _table(self, name: str) -> str:
        return f"{self._tables}/{name}.parquet"


def _mark(path: Path) -> Mark | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


class _NotKeptError(OSError):
    """The system could not write what it had taken, and may say so only once."""


def _sync(path: str, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise _NotKeptError(error.errno, error.strerror, path) from error
    finally:
        os.close(descriptor)


def _switch(temporary: str, target: str) -> None:
    """Rename into place, also where somebody made an empty folder of that name; others keep what they hold."""
    try:
        os.replace(temporary, target)
    except IsADirectoryError:
        if not _is_empty_folder(target):
            raise OSError(errno.ENOTEMPTY, "a folder with files in it is in the way: move it elsewhere") from None
        os.replace(temporary, target)


def _is_empty_folder(target: str) -> bool:
    """Whether an empty folder was there; it is taken away."""
    try:
        os.rmdir(target)
    except OSError:
        return False
    return True


def _is_same(target: str, source: str) -> bool:
    try:
        return os.path.samefile(target, source)
    except FileNotFoundError:
        return False


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP}:
            raise
        shutil.copyfile(source, target)
