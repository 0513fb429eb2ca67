"""Opens the state database and commits deltas.

`synchronous=FULL`: a commit that returned survives a power cut. A database that cannot be read, or whose rows are not
those that were written (`seals`), is set aside whole and a new one begun, since state costs only time; a database of a
newer version is refused, nothing is touched.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from relspec.core.digest import BagDigest
from relspec.core.errors import StateError
from relspec.core.progress import Action, SetAside
from relspec.core.spec import CachePolicy
from relspec.core.state import Delta, MemoRow, Publication, RunTask, Saved
from relspec.core.sweep import Stock, Sweep
from relspec.core.work import Extracted
from relspec.edges.store import read, seals, stock, write
from relspec.edges.store.connection import Connection

#: What this code writes; a database that says more was written by a newer version.
SCHEMA_VERSION = 8
#: Below so many unused pages (4 MB) the database is not worth being written anew.
_FREE_PAGES_MAX = 1024
#: What is noted of what readers see, besides its revision.
_N_SHOWN = 3


class RottenError(Exception):
    """What a database holds is not what was written into it; it never leaves this module."""


class Store:
    """The state database of one project, owned by one process and used by one thread."""

    def __init__(self, connection: Connection, session: str) -> None:
        self._connection = connection
        self._session = session
        #: What was set aside for this one to begin, if anything was.
        self.aside: SetAside | None = None
        #: Read when it was opened, to see whether it can be.
        self._saved: Saved | None = read.saved(connection)
        #: Nobody else writes it, and it is asked for three times a save.
        self._published = _published(connection)

    @classmethod
    def open(cls, path: Path, session: str) -> "Store":
        """Open or create the database at `path`; `session` names this life of the owner, for the session cache."""
        try:
            return cls._opened_or_set_aside(path, session)
        except (sqlite3.OperationalError, OSError) as error:
            said = error.strerror if isinstance(error, OSError) else error
            raise StateError(f"cannot open {path}: {said}; check permissions and free space") from error

    @classmethod
    def _opened_or_set_aside(cls, path: Path, session: str) -> "Store":
        try:
            return cls._opened(path, session)
        except RottenError as error:
            aside = path.with_name(f"{path.name}.corrupt-{int(time.time())}")
            _set_aside(path, aside)
            store = cls(_connect(path), session)
            store.aside = SetAside(str(aside), str(error))
            return store

    @classmethod
    def _opened(cls, path: Path, session: str) -> "Store":
        """Open it and read it once; raises RottenError when what is in there is not what was written."""
        connection = None
        try:
            connection = _connect(path)
            return cls(connection, session)
        except Exception as error:
            if connection is not None:
                connection.close()
            cause = error.__cause__ if isinstance(error, StateError) else error
            if _is_rotten(cause):
                raise RottenError(str(cause)) from error
            if isinstance(cause, sqlite3.OperationalError):
                raise cause from error
            raise

    def load(self) -> Saved:
        """Read all that a start needs. Cost: linear in the number of tasks and files."""
        saved, self._saved = self._saved, None
        return read.saved(self._connection) if saved is None else saved

    def commit(self, delta: Delta, synced: Callable[[], object] | None = None) -> None:
        """Make `delta` true in one transaction; when this returns it is durable.

        `synced` waits for the objects that `delta` names: it is called when all rows are written, before they are true.
        """
        with _transaction(self._connection):
            write.delta(self._connection, delta, self._session)
            if synced is not None:
                synced()

    def set_published(self, shown: Publication) -> None:
        """Remember what readers see, so that the next start need not show it again.

        The next commit makes it durable. Lost before, it costs showing all anew, and is not worth a wait for the disk.
        """
        value = f"{shown.revision} {shown.stamp} {shown.content} {shown.place}"
        with _unsynced(self._connection):
            self._connection.put("setting", [("published", value)])
        self._published = shown

    def published(self) -> Publication | None:
        """What readers saw last; `None` when nothing was ever shown. What was noted in another form is not trusted."""
        return self._published

    def forget_sessions(self) -> None:
        """Drop what other sessions remembered with the policy `session`, except what is current: this session's now."""
        mine = "update memo set session = ? where policy = ? and key in (select key from output)"
        rest = "delete from memo where policy = ? and session <> ?"
        self._connection.execute(mine, (self._session, CachePolicy.SESSION))
        self._connection.execute(rest, (CachePolicy.SESSION, self._session))

    def remembered(self, key: str) -> MemoRow | None:
        """Look an execution up by its key."""
        return read.memo(self._connection, key)

    def forget(self, key: str) -> None:
        """Drop a remembered execution whose object is gone."""
        self._connection.execute("delete from memo where key = ?", (key,))

    def bags(self, contents: Iterable[str]) -> dict[tuple[str, str], BagDigest]:
        """All measured bags of some contents, by (content, columns)."""
        return read.bags(self._connection, contents)

    def extraction(self, extractor: str, path: str, version: str) -> Extracted | None:
        """What an extractor gave for this version of a file; `None` when it has not seen it."""
        return read.extraction(self._connection, extractor, path, version)

    def last_run(self, task: str, actions: Iterable[Action]) -> tuple[int, float, RunTask] | None:
        """The newest run in which one of `actions` became of `task`: its number, its start, and what became of it."""
        return read.last_run(self._connection, task, actions)

    def run_task(self, run: int, task: str) -> RunTask | None:
        """What became of `task` in one run; `None` when it was not in the cone."""
        return read.run_task(self._connection, run, task)

    def changes(self, run: int) -> tuple[tuple[str, str], ...]:
        """The (path, change) pairs that a run took in."""
        return read.changes(self._connection, run)

    def stock(self) -> Stock:
        """What is remembered and could be dropped. Cost: linear in that."""
        return stock.stock(self._connection)

    def drop(self, swept: Sweep, run: int) -> None:
        """Forget what `swept` drops, in one transaction; when this returns nothing names the objects that go."""
        with _transaction(self._connection):
            stock.forget(self._connection, swept, f"{run} {time.time()}")
        (pages,) = self._connection.execute("pragma page_count").fetchone()
        (free,) = self._connection.execute("pragma freelist_count").fetchone()
        if free > max(_FREE_PAGES_MAX, pages // 2):
            self._connection.execute("vacuum")

    def collected(self) -> tuple[int, float] | None:
        """The run after which, and the moment at which, `drop` was last called; `None` before the first time."""
        return stock.collected(self._connection)

    def faults(self) -> tuple[str, ...]:
        """What is wrong with the database by its own account; nothing where it is whole. Cost: reads all of it."""
        try:
            said = [row[0] for row in self._connection.execute("pragma integrity_check(20)").fetchall()]
            loose = self._connection.execute("pragma foreign_key_check").fetchall()
            broken = seals.broken(self._connection)
        except (sqlite3.DatabaseError, StateError) as error:
            return (str(error),)
        found = [] if said == ["ok"] else [str(line) for line in said]
        found += [_others(broken)] if broken else []
        return (*found, *(f"row {rowid} of {table} refers to nothing in {parent}" for table, rowid, parent, _ in loose))

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the database; for idle moments."""
        self._connection.execute("pragma wal_checkpoint(passive)").fetchall()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _published(connection: sqlite3.Connection) -> Publication | None:
    row = connection.execute("select value from setting where name = 'published'").fetchone()
    if row is None:
        return None
    revision, *rest = str(row[0]).split(" ", 3)
    stamp, content, place = rest if len(rest) == _N_SHOWN else ("", "", "")
    return Publication(int(revision), place, stamp, content)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        # After some errors SQLite has rolled back already.
        if connection.in_transaction:
            connection.execute("rollback")
        raise


@contextlib.contextmanager
def _unsynced(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("pragma synchronous = normal")
    try:
        yield
    finally:
        connection.execute("pragma synchronous = full")


def _connect(path: Path) -> Connection:
    connection = sqlite3.connect(path, isolation_level=None, factory=Connection)
    try:
        os.chmod(path, 0o600)
        connection.execute("pragma journal_mode = wal").fetchall()
        connection.execute("pragma synchronous = full")
        connection.execute("pragma foreign_keys = on")
        seals.prepare(connection)
        (version,) = connection.execute("pragma user_version").fetchone()
        if version > SCHEMA_VERSION:
            text = f"{path} was written by a newer relspec-watch (schema {version}, this one knows {SCHEMA_VERSION})"
            raise StateError(f"{text}; upgrade, or delete the state folder: it costs only time")
        with _sound_pages(path):
            broken = seals.broken(connection) if version == SCHEMA_VERSION else ()
        if broken:
            raise sqlite3.DatabaseError(_others(broken))
        if version < SCHEMA_VERSION:
            _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def _sound_pages(path: Path) -> Iterator[None]:
    """Have SQLite look at all pages while the block looks at the rows: on two cores half a second becomes a third."""

    def complaint() -> str:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, factory=Connection)) as connection:
            ((said,),) = connection.execute("pragma integrity_check(1)").fetchall()
        return str(said)

    with ThreadPoolExecutor(1, thread_name_prefix="pages") as pool:
        found = pool.submit(complaint)
        try:
            yield
        finally:
            # What is wrong with the pages says more than what came of it.
            if (said := found.result()) != "ok":
                raise sqlite3.DatabaseError(said)


def _migrate(connection: sqlite3.Connection) -> None:
    # Start-up time: sqlite-utils takes 40 ms, and a database of today needs none of it.
    from relspec.edges.store.migrations import migrations  # noqa: PLC0415
    from relspec.edges.store.tables import Database  # noqa: PLC0415

    # All in one: whoever is killed meanwhile has the database of before, and a new one waits for the disk once.
    with _transaction(connection):
        seals.lift(connection)
        migrations.apply(Database(connection))
        seals.renew(connection)
        connection.execute(f"pragma user_version = {SCHEMA_VERSION}")


def _others(tables: tuple[str, ...]) -> str:
    return f"rows of {', '.join(tables)} are not what was written"


def _is_rotten(error: BaseException | None) -> bool:
    """Whether an error says that bytes are wrong, rather than that the machine refuses or is short of something."""
    if isinstance(error, sqlite3.OperationalError):
        return "decode" in str(error)
    return isinstance(error, (sqlite3.DatabaseError, msgspec.MsgspecError, ValueError, KeyError, TypeError, IndexError))


def _set_aside(path: Path, aside: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            os.replace(source, aside.with_name(aside.name + suffix))
