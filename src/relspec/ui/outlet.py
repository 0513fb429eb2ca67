"""A text stream whose reader may leave while a daemon lives: its terminal is closed, its pipe broken, its disk full.

What cannot be written is dropped, and nothing is raised: tables stay fresh without anybody who reads of it. Where
nobody will ever read again, the descriptor is given to the null device, so that whoever writes there later does no
harm. A log of our own is kept short: others append to it as well, so it is emptied and not replaced.
"""

import contextlib
import errno
import io
import os
import shutil
from pathlib import Path
from typing import Any, TextIO

#: Nobody will read any more: a broken pipe, a terminal that is gone, a closed descriptor.
GONE = frozenset({errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO})


#: A log that is longer than this is begun anew; one older is kept.
LOG_BYTES_MAX = 1 << 20


class Outlet:
    """Stands for `stream`, whole; `log` is where that leads, if it is to be kept short."""

    def __init__(self, stream: TextIO, log: Path | None = None) -> None:
        self._stream = stream
        self._log = log
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a letter gets its code.
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        """Write what can be written; says that all was."""
        try:
            self._stream.write(text)
        except (OSError, ValueError) as error:
            self._drop(error)
        return len(text)

    def flush(self) -> None:
        """Hand on what is buffered."""
        try:
            self._stream.flush()
            if self._log is not None and os.fstat(self._stream.fileno()).st_size > LOG_BYTES_MAX:
                self._begin_anew(self._log)
        except (OSError, ValueError) as error:
            self._drop(error)

    def _begin_anew(self, log: Path) -> None:
        # Where there is no room for the copy, or the log was moved away, it is shortened all the same.
        with contextlib.suppress(OSError):
            shutil.copy(log, log.with_suffix(".log.1"))
        os.ftruncate(self._stream.fileno(), 0)

    def _drop(self, error: OSError | ValueError) -> None:
        if isinstance(error, OSError) and error.errno in GONE:
            silence(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def silence(stream: TextIO) -> None:
    """Let a stream without a reader end in the null device, also what is buffered still."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
