"""What a daemon tells, on its way to a reader who may pause: a terminal on hold, a pipe that nobody empties yet.

One thread writes, so that whoever tells never waits for who reads. What waits is bounded: a line for which there is no
room is dropped, and how many were is told once there is room again. Pieces are never torn. At the end what waits is
given a moment, and the thread is left to its fate: it holds no lock that the end of the process needs.
"""

import io
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
        self._waiting: deque[str] = deque()
        self._n_chars = 0
        self._n_dropped = 0
        self._moved = threading.Condition()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.drain()

    def write(self, text: str) -> int:
        """Take `text` to be written, or drop it where too much waits already."""
        with self._moved:
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


def _without_lock(stream: TextIO) -> TextIO:
    """The same descriptor without a buffer: a write that hangs in one makes Python abort at its end."""
    try:
        raw = io.FileIO(stream.fileno(), "w", closefd=False)
    except (OSError, ValueError):
        return stream
    return io.TextIOWrapper(raw, stream.encoding, write_through=True)
