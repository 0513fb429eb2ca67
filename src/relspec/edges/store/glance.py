"""Reads the state for `status` where no daemon lives, read-only and with nothing but sqlite3: no start-up cost.

What changed on disk since the last commit shows as stale: files are compared by stamp, and code then by content.
"""

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from relspec.core.errors import StateError


class Glance(msgspec.Struct, frozen=True):
    """The last committed state: revision, rows of the status, problem and warning tables, and what is stale by now."""

    revision: int
    statuses: tuple[dict[str, Any], ...]
    problems: tuple[dict[str, Any], ...]
    warnings: tuple[dict[str, Any], ...]
    stale: dict[str, str]


def glance(database: Path, root: Path) -> Glance:
    """Read the last committed state of a project that has no daemon. Raises StateError when it cannot be read."""
    if not database.exists():
        return Glance(0, (), (), (), {})
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        try:
            connection.row_factory = sqlite3.Row
            (revision,) = connection.execute("select coalesce(max(revision), 0) from run").fetchone()
            statuses = [dict(r) for r in connection.execute("select * from status order by name")]
            problems = [dict(r) for r in connection.execute("select * from problem order by ordinal")]
            warnings = _warnings(connection)
            return Glance(revision, tuple(statuses), tuple(problems), tuple(warnings), _stale(connection, root))
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StateError(f"cannot read {database}: {error}; run: relspec-watch build") from error


def _warnings(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """The warnings of the last commit; a state of an earlier version has no table of them before the next build."""
    if not connection.execute("select 1 from sqlite_master where name = 'warning'").fetchall():
        return []
    return [dict(row) for row in connection.execute("select * from warning order by ordinal")]


def _stale(connection: sqlite3.Connection, root: Path) -> dict[str, str]:
    """Tasks that a changed file went into, with the path, and everything below them."""
    moved = [row["path"] for row in connection.execute("select * from file") if _moved(row, root)]
    stale: dict[str, str] = {}
    datasets: list[tuple[str, str]] = []
    for path in moved:
        for (task,) in _rows(connection, "select task from plan_file where path = ?", path):
            stale.setdefault(task, path)
        datasets += [(name, path) for (name,) in _rows(connection, _SOURCES_OF_FILE, path)]
    queue = list(stale.items())
    while queue or datasets:
        while datasets:
            dataset, path = datasets.pop()
            for (task,) in _rows(connection, "select distinct task from plan_input where dataset = ?", dataset):
                if task not in stale:
                    stale[task] = path
                    queue.append((task, path))
        if queue:
            task, path = queue.pop()
            datasets += [(output, path) for (output,) in _rows(connection, _OUTPUT_OF_TASK, task)]
    return stale


_OUTPUT_OF_TASK = "select output from plan where task = ?"
_SOURCES_OF_FILE = "select name from source_file where path = ?"


def _rows(connection: sqlite3.Connection, query: str, value: str) -> Iterable[tuple[Any, ...]]:
    return list(map(tuple, connection.execute(query, (value,))))


def _moved(row: sqlite3.Row, root: Path) -> bool:
    path = root / row["path"]
    try:
        found = os.stat(path)
    except OSError:
        return True
    known = (row["device"], row["inode"], row["size"], row["mtime_ns"], row["ctime_ns"])
    if (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns) == known:
        return False
    if row["content"] is None:
        return True
    # Start-up time: most of the time nothing has to be hashed.
    from relspec.core.digest import content_of  # noqa: PLC0415

    return bool(content_of(path.read_bytes()) != row["content"])
