"""What a daemon tells, on its way to a reader who may pause: a terminal on hold, a pipe that nobody empties yet.

What can be written at once is: into the log of our own, which lies beside a database that is waited for as well, or
into a pipe that has room. One thread writes all else, so that whoever tells never waits for who reads. To wake it costs
0.3 ms a line where it has to take turns with who tells: 60 of the 700 ms of a cone of 100 tasks. What waits is bounded:
a line for which there is no room is dropped, and how many were is told once there is room again. Pieces are never torn.
At the end what waits is given a moment, and the thread is left to its fate: it holds no lock that the end of the
process needs.
"""

import codecs
import contextlib
import io
import os
import select
import stat
import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from relspec.ui.outlet import Outlet

#: A pipe itself holds so much on Linux; that again is some hundred saves.
CHARS_MAX = 1 << 16
#: A reader who is there takes what is left in far less.
LAST_S = 0.5


class Spool:
    """Stands for `stream`, whole, and never blocks; `log` is where that leads, if it is to be kept short."""

    def __init__(self, stream: TextIO, log: Path | None = None) -> None:
        self._stream = stream
        self._outlet = Outlet(_without_lock(stream), log)
        self._is_own = log is not None
        self._pipe = _pipe_of(stream)
        self._waiting: deque[str] = deque()
        self._n_chars = 0
        self._n_dropped = 0
        self._moved = threading.Condition()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.drain()
        with self._moved:
            self._leave_pipe()

    def write(self, text: str) -> int:
        """Take `text` to be written, or drop it where too much waits already."""
        with self._moved:
            if not self._n_chars and not self._n_dropped and self._wrote_at_once(text):
                return len(text)
            if self._n_chars > CHARS_MAX:
                self._n_dropped += text.count("\n")
                return len(text)
            if self._n_dropped:
                self._take(f"relspec-watch: {self._n_dropped} line(s) dropped: nobody read them\n")
                self._n_dropped = 0
            self._take(text)
        return len(text)

    def flush(self) -> None:
        """Do nothing: what was taken is on its way."""

    def drain(self) -> None:
        """Wait until all is written, but not for a reader who does not read."""
        with self._moved:
            self._moved.wait_for(lambda: not self._n_chars, LAST_S)

    def _wrote_at_once(self, text: str) -> bool:
        if self._is_own:
            self._outlet.write(text)
            self._outlet.flush()
            return True
        if self._pipe is None:
            return False
        data = text.encode(self._stream.encoding, "backslashreplace")
        if len(data) > select.PIPE_BUF:
            return False
        try:
            # So much goes in whole or not at all.
            os.write(self._pipe, data)
        except BlockingIOError:
            return False
        except OSError:
            # The thread will find out, too, and knows what to do then.
            self._leave_pipe()
            return False
        return True

    def _leave_pipe(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
        self._pipe = None

    def _take(self, text: str) -> None:
        self._waiting.append(text)
        self._n_chars += len(text)
        if self._thread is None:
            self._thread = threading.Thread(target=self._carry, name="spool", daemon=True)
            self._thread.start()
        self._moved.notify_all()

    def _carry(self) -> None:
        while True:
            with self._moved:
                self._moved.wait_for(lambda: self._waiting)
                texts = [self._waiting.popleft() for _ in range(len(self._waiting))]
            self._outlet.write("".join(texts))
            self._outlet.flush()
            with self._moved:
                self._n_chars -= sum(map(len, texts))
                self._moved.notify_all()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _pipe_of(stream: TextIO) -> int | None:
    """A descriptor of our own to the pipe that is behind a stream, which never blocks; `None` where there is none."""
    with contextlib.suppress(OSError, ValueError, LookupError):
        # In others a text is not the texts of its lines one after the other.
        is_plain = codecs.lookup(stream.encoding or "").name in {"utf-8", "ascii", "iso8859-1"}
        if is_plain and stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode):
            # Opened anew: the flags of the one that we have are those of others as well.
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC
            return os.open(f"/proc/self/fd/{stream.fileno()}", flags)
    return None


def _without_lock(stream: TextIO) -> TextIO:
    """The same descriptor without a buffer: a write that hangs in one makes Python abort at its end."""
    try:
        raw = io.FileIO(stream.fileno(), "w", closefd=False)
    except (OSError, ValueError):
        return stream
    return io.TextIOWrapper(raw, stream.encoding, write_through=True)
