"""What the daemon did, for machines: one JSON object a line in `state/log/`, in files of bounded size and number.

    {"at": "2026-11-27T08:15:00.123Z", "pid": 4711, "level": "info", "event": "ready", "revision": 7, ...}

A line is written whole or not at all, and is ASCII: no name in it can drive a terminal. Nothing is raised and nothing
waits: on a full disk lines are dropped, and the next one that finds room says how many. The file is opened for each
line, so it may be deleted or moved away at any time. The folder is not made here: whoever deletes a project is not to
find it filled again. Nothing here is read back.
"""

import contextlib
import json
import logging
import os
import sys
import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from relspec.core.layout import Layout

#: One file is as large as this at most, and there are so many.
FILE_BYTES_MAX = 1 << 20
FILES_MAX = 5
TEXT_CHARS_MAX = 2000
ITEMS_MAX = 50

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
#: Whose words are written as well: what our edges say of their processes, and what the loop says of our defects.
_LOGGERS = ("relspec", "asyncio")


class Level(StrEnum):
    """How much an event matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Journal:
    """The log of one daemon. As a context it also writes down what is told to `logging` meanwhile."""

    def __init__(self, layout: Layout) -> None:
        self._file = layout.log / "daemon.jsonl"
        self._n_lost = 0
        self._relay = _Relay(self)

    def __enter__(self) -> Self:
        for name in _LOGGERS:
            logging.getLogger(name).addHandler(self._relay)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(self._relay)

    def write(self, level: Level, event: str, **facts: Any) -> None:
        """Append one line; facts are what JSON knows, long texts and lists are cut."""
        at = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        head = {"at": at, "pid": os.getpid(), "level": level, "event": event}
        lost = {"lost_lines": self._n_lost} if self._n_lost else {}
        line = json.dumps(head | {name: _cut(fact) for name, fact in facts.items()} | lost).encode() + b"\n"
        try:
            self._append(line)
            self._n_lost = 0
        except OSError:
            self._n_lost += 1

    def _append(self, line: bytes) -> None:
        descriptor, size = self._opened()
        if size and size + len(line) > FILE_BYTES_MAX:
            os.close(descriptor)
            _rotate(self._file)
            descriptor, size = self._opened()
        try:
            _write(descriptor, line, size)
        finally:
            os.close(descriptor)

    def _opened(self) -> tuple[int, int]:
        descriptor = os.open(self._file, _FLAGS, 0o600)
        return descriptor, os.fstat(descriptor).st_size


class _Relay(logging.Handler):
    """Writes records of `logging` down."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.INFO)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, with its traceback where it has one."""
        level = Level.ERROR if record.levelno >= logging.ERROR else Level.WARNING
        trace = {} if record.exc_info is None else {"trace": logging.Formatter().formatException(record.exc_info)}
        message = record.getMessage()
        if record.name.startswith("relspec."):
            self._journal.write(level, record.name.rpartition(".")[2], message=message)
            return
        self._journal.write(level, "defect", message=message, **trace)
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"relspec-watch: a defect of our own, told of in state/log: {message!a:.500}\n")


def _write(descriptor: int, line: bytes, size: int) -> None:
    """Write a line whole; half of one is taken back."""
    try:
        n_written = os.write(descriptor, line)
    except OSError:
        os.ftruncate(descriptor, size)
        raise
    if n_written < len(line):
        os.ftruncate(descriptor, size)
        raise OSError("the line did not fit")


def _rotate(file: Path) -> None:
    """Give every file the next number; the last one goes."""
    for number in range(FILES_MAX - 1, 0, -1):
        before = file if number == 1 else file.with_name(f"{file.name}.{number - 1}")
        if before.exists():
            before.replace(file.with_name(f"{file.name}.{number}"))


def _cut(fact: Any) -> Any:
    match fact:
        case str() if len(fact) > TEXT_CHARS_MAX:
            return f"{fact[:TEXT_CHARS_MAX]}…"
        case list() | tuple():
            return [_cut(item) for item in fact[:ITEMS_MAX]]
        case _:
            return fact
