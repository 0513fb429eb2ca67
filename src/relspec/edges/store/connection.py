"""A connection to SQLite whose errors say what to do: a full, broken or rotten disk is no defect of ours.

Rows are fetched after a statement was executed, so each way to fetch them can fail as well.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

from relspec.core.errors import StateError

#: So many rows are fetched at a time.
_ROWS = 256
_KEPT = "nothing that was answered before is lost"


class Connection(sqlite3.Connection):
    """As the class below; raises StateError where the system refuses, and where bytes are not what was written."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._puts: dict[str, str] = {}

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Execute one statement."""
        with _SAID:
            return self.cursor(_Cursor).execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """Execute it for many."""
        with _SAID:
            return self.cursor(_Cursor).executemany(sql, parameters)

    def put(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write whole rows, each over the one with its key if there is one.

        `insert or replace` would take that one out and add a new one: on another page, with the index moved, and sealed
        twice. The save of a leaf wrote 30 pages so, and 21 now.
        """
        if not rows:
            return
        statement = self._puts.get(table)
        if statement is None:
            statement = self._puts[table] = self._putting(table)
        self.executemany(statement, rows)

    def _putting(self, table: str) -> str:
        found = self.execute(f"pragma table_info({table})").fetchall()
        keys = ", ".join(f'"{name}"' for _, name, _, _, _, key in found if key)
        rest = ", ".join(f'"{name}" = excluded."{name}"' for _, name, _, _, _, key in found if not key)
        over = f"update set {rest}" if rest else "nothing"
        marks = ", ".join("?" * len(found))
        return f"insert into {table} values ({marks}) on conflict ({keys}) do {over}"


class _Cursor(sqlite3.Cursor):
    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        # Some at a time: asking for each on its own costs as much as all that is done with it.
        return chain.from_iterable(iter(partial(self.fetchmany, _ROWS), []))

    def fetchmany(self, size: int | None = None) -> list[Any]:
        with _SAID:
            return super().fetchmany(size)

    def fetchone(self) -> Any:
        with _SAID:
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with _SAID:
            return super().fetchall()


class _Said:
    """Says of an error what to do. One object for all, which a save enters fifty times."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # The other classes below the second say that we asked wrongly, or broke a promise of ours: no disk is to blame.
        if isinstance(error, sqlite3.OperationalError):
            hint = "free space, check the disk and permissions, then build again"
            raise StateError(f"the state cannot be kept: {error}; {_KEPT}; {hint}") from error
        if type(error) is sqlite3.DatabaseError:
            hint = "stop the daemon and build: what cannot be read is set aside then"
            raise StateError(f"the state is damaged: {error}; {_KEPT}; {hint}") from error


_SAID = _Said()
