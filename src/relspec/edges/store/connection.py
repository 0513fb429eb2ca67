"""A connection to SQLite whose errors say what to do: a full, broken or rotten disk is no defect of ours.

Rows are fetched after a statement was executed, so each way to fetch them can fail as well.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Any

from relspec.core.errors import StateError

#: So many rows are fetched at a time.
_ROWS = 256
_KEPT = "nothing that was answered before is lost"


class Connection(sqlite3.Connection):
    """As the class below; raises StateError where the system refuses, and where bytes are not what was written."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Execute one statement."""
        with _said():
            return self.cursor(_Cursor).execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """Execute it for many."""
        with _said():
            return self.cursor(_Cursor).executemany(sql, parameters)


class _Cursor(sqlite3.Cursor):
    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        # Some at a time: asking for each on its own costs as much as all that is done with it.
        return chain.from_iterable(iter(partial(self.fetchmany, _ROWS), []))

    def fetchmany(self, size: int | None = None) -> list[Any]:
        with _said():
            return super().fetchmany(size)

    def fetchone(self) -> Any:
        with _said():
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with _said():
            return super().fetchall()


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        hint = "free space, check the disk and permissions, then build again"
        raise StateError(f"the state cannot be kept: {error}; {_KEPT}; {hint}") from error
    except sqlite3.DatabaseError as error:
        # The classes below it say that we asked wrongly, or broke a promise of ours: no disk is to blame for these.
        if type(error) is not sqlite3.DatabaseError:
            raise
        hint = "stop the daemon and build: what cannot be read is set aside then"
        raise StateError(f"the state is damaged: {error}; {_KEPT}; {hint}") from error
