"""Where the time of a daemon goes, in a file that trace viewers open (Perfetto, `chrome://tracing`).

The format is the array of Chrome's trace events, one object a line. The array is left open, which viewers allow, so the
file is good at any moment. Times are microseconds of the monotonic clock, the one that others on this machine read too.
Row 0 has the steps of the daemon, which lie one in the other; what goes on beside has a row as long as it lasts.
What cannot be written is dropped, and then the trace ends there: tables stay fresh without it.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from relspec.core.errors import StateError

_NS_PER_US = 1000


class TraceFile:
    """Writes spans to `path`, which is made anew; raises StateError where it cannot be. Open as long as the context."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("w", encoding="utf-8")
        except OSError as error:
            raise StateError(f"the trace cannot be written to {path}: {error.strerror}") from error
        self._depth = 0
        self._rows: set[int] = set()
        self._pid = os.getpid()
        self._file.write("[\n")
        self._line({"name": "process_name", "ph": "M", "pid": self._pid, "args": {"name": "relspec-watch"}})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._end()

    @contextmanager
    def span(self, stage: str, about: str = "") -> Iterator[None]:
        """Time a step of the daemon's own."""
        started = time.monotonic_ns()
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            self._span(stage, about, started, 0)
            if not self._depth:
                self._flush()

    @contextmanager
    def beside(self, stage: str, about: str = "") -> Iterator[None]:
        """Time what goes on beside other things, in the first row that is free."""
        row = next(n for n in range(1, len(self._rows) + 2) if n not in self._rows)
        self._rows.add(row)
        started = time.monotonic_ns()
        try:
            yield
        finally:
            self._rows.discard(row)
            self._span(stage, about, started, row)

    def waited(self, stage: str, since_s: float) -> None:
        """Tell of a wait that ends now."""
        self._span(stage, "", int(since_s * 1e9), 0)

    def _span(self, stage: str, about: str, started: int, row: int) -> None:
        took = time.monotonic_ns() - started
        event = {"name": stage, "ph": "X", "ts": started / _NS_PER_US, "dur": took / _NS_PER_US}
        args = {"args": {"about": about}} if about else {}
        self._line({**event, "pid": self._pid, "tid": row, **args})

    def _line(self, event: dict[str, object]) -> None:
        if not self._file.closed:
            try:
                self._file.write(json.dumps(event) + ",\n")
            except OSError:
                self._end()

    def _flush(self) -> None:
        if not self._file.closed:
            try:
                self._file.flush()
            except OSError:
                self._end()

    def _end(self) -> None:
        # A close that cannot write what is left raises, and closes all the same.
        try:
            self._file.close()
        except OSError:
            return
