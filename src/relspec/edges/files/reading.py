"""Reads files as they are at one moment, and says whether somebody still writes them.

Bytes and stamp belong together: `stat` before and after through one descriptor. Nothing here opens a file for writing
or waits for a writer.
"""

import errno
import fcntl
import os
import signal
import stat
import time

from relspec.core.dataset import Stamp

#: Code is read into memory; what is larger than this is no code.
CODE_BYTES_MAX = 16 << 20
#: An editor that still has a code file open after so long without a write is done with it.
STILL_CODE_NS = 250_000_000
READS_MAX = 3

_READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class MovingError(Exception):
    """A file changed while it was read, or is being written. Look again soon."""


def being_written(path: str) -> bool | None:
    """Whether a process has the file open for writing; `None` where the system cannot tell.

    Exact on local file systems, for the owner: a read lease is granted only when nobody writes. 19 microseconds.
    """
    descriptor = os.open(path, _READ_FLAGS)
    try:
        return _has_writer(descriptor)
    finally:
        os.close(descriptor)


def _has_writer(descriptor: int) -> bool | None:
    try:
        # A writer that comes while the lease is held makes the kernel send a signal: SIGIO, which kills, unless
        # another one is chosen. SIGURG is ignored by default, in every thread and without a handler.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def read_whole(path: str) -> tuple[bytes, Stamp]:
    """Read a whole file as it was at one moment; raises MovingError when it does not hold still."""
    descriptor = os.open(path, _READ_FLAGS)
    try:
        for _ in range(READS_MAX):
            before = os.fstat(descriptor)
            _check_readable(descriptor, before)
            # One byte more shows that it has grown. The room for it is taken first: not as much as code may have.
            data = os.pread(descriptor, before.st_size + 1, 0)
            after = stamp_of(os.fstat(descriptor))
            if is_same(after, before) and len(data) == after.size:
                return data, after
    finally:
        os.close(descriptor)
    raise MovingError


def _check_readable(descriptor: int, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    if found.st_size > CODE_BYTES_MAX:
        raise OSError(errno.EFBIG, f"it has {found.st_size} bytes, more than the {CODE_BYTES_MAX} of a code file")
    if 0 <= time.time_ns() - found.st_mtime_ns < STILL_CODE_NS and _has_writer(descriptor):
        raise MovingError


def stamp_of(found: os.stat_result) -> Stamp:
    """Keep of a `stat` what tells versions of a file apart."""
    return Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def is_same(stamp: Stamp, found: os.stat_result) -> bool:
    """Whether `found` has this stamp; spares making another."""
    return (
        stamp.ctime_ns == found.st_ctime_ns
        and stamp.mtime_ns == found.st_mtime_ns
        and stamp.size == found.st_size
        and stamp.inode == found.st_ino
        and stamp.device == found.st_dev
    )
