"""Owns `state/`: one process at a time. Makes the folder private, and says who has it when it is taken.

Two locks, because a file can be deleted while it is held, and then a second process locks a new file of that name:
`daemon.lock`, and the folder itself, which only goes away together with everything that is worth owning. Both are
released by the kernel when the process dies, so a stale lock cannot exist. Neither reaches a child that is executed
(close-on-exec). The lock file is never removed. Who holds the folder is asked of the kernel: a file that says so can be
of the owner before.
"""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import filelock

from relspec.core.errors import StateBusyError, StateError
from relspec.core.layout import Layout

#: The kernel's list of file locks, a line each: `1: FLOCK ADVISORY WRITE 4711 08:01:131 0 EOF`.
_LOCKS = Path("/proc/locks")


class StateLock:
    """The right to write `state/`."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._file = filelock.FileLock(layout.lock, blocking=False, mode=0o600, thread_local=False)
        self._folder: int | None = None

    def acquire(self) -> None:
        """Take the lock at once; raises StateBusyError with the owner's pid, or StateError when the folder is unfit."""
        _private_folder(self._layout.state)
        with _unfit(self._layout.lock):
            folder = _locked_folder(self._layout)
            try:
                self._file.acquire()
            except filelock.Timeout:
                os.close(folder)
                raise _busy(self._layout) from None
            except BaseException:
                os.close(folder)
                raise
            self._folder = folder
            self._layout.lock.write_text(f"{os.getpid()}\n", "ascii")

    def release(self) -> None:
        """Give the lock back; without it nothing happens."""
        if self._folder is None:
            return
        self._file.release()
        os.close(self._folder)
        self._folder = None

    def intact(self) -> bool:
        """Whether the folder that is locked is still the one at `state/`; else the owner has lost its state.

        Raises StateError when that cannot be seen.
        """
        if self._folder is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._folder), self._layout.state.stat())
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise StateError(f"{self._layout.state} cannot be reached any more: {error.strerror}") from error

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def prepare_state(layout: Layout) -> None:
    """Make the folders of `state/` and empty the temporary one; call it under the lock only."""
    for folder in (layout.state, layout.objects, layout.temporary, layout.tables, layout.held, layout.log):
        _private_folder(folder)
    with _unfit(layout.temporary):
        for left in os.scandir(layout.temporary):
            if left.is_dir(follow_symlinks=False):
                shutil.rmtree(left.path)
            else:
                os.unlink(left.path)


def _private_folder(folder: Path) -> None:
    """Make a folder that is the user's alone; one that came with a checkout is narrowed."""
    with _unfit(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def _locked_folder(layout: Layout) -> int:
    folder = os.open(layout.state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise _busy(layout) from None
    except OSError:
        # Some network file systems lock no folders. The lock file stands alone there.
        return folder
    return folder


def _busy(layout: Layout) -> StateBusyError:
    pid = _owner(layout)
    who = "another process" if pid is None else f"process {pid}"
    return StateBusyError(f"{layout.state} is in use by {who}; ask that one, or stop it with `relspec-watch stop`")


def _owner(layout: Layout) -> int | None:
    """The process that has the folder: by the kernel's word, else by what owners leave in files."""
    with contextlib.suppress(OSError, ValueError):
        holder = _holder(os.stat(layout.state).st_ino, _LOCKS.read_text("ascii"))
        if holder is not None:
            return holder
    with contextlib.suppress(OSError, ValueError):
        return int(layout.lock.read_bytes()[:32])
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        return int(json.loads(layout.card.read_bytes())["pid"])
    return None


def _holder(inode: int, locks: str) -> int | None:
    """Find who holds the folder with this inode; `None` where that is not told, as in another namespace of processes.

    Devices are not compared: some file systems name another one here than in `stat`.
    """
    for line in locks.splitlines():
        match line.split():
            case [_, "FLOCK", _, "WRITE", pid, place, *_] if place.endswith(f":{inode}") and int(pid) > 0:
                return int(pid)
    return None


@contextlib.contextmanager
def _unfit(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateError(f"{path} cannot be used: {error.strerror or error}; {_advice(error)}") from error


def _advice(error: OSError) -> str:
    match error.errno:
        case errno.EROFS:
            return "the file system is read-only: put the project on one that can be written"
        case errno.ENOSPC | errno.EDQUOT:
            return "free some space"
        case errno.EACCES | errno.EPERM:
            return "give your user the right to write there"
        case errno.ENOENT:
            return "make the project's folder first"
        case errno.EEXIST | errno.ENOTDIR:
            return "a file is in the way: move it elsewhere"
        case _:
            return "correct that and start again"
