"""The verb publish: the DuckDB file of views that users open, replaced whole.

A private copy stays open here between requests, because opening it again would cost time that grows with the number of
views. Changes go into that copy in one transaction; then it is checkpointed, copied beside the published file, synced
and renamed over it. Who has the published file open keeps the revision that they opened. Views name each other as
`main.<name>` without a catalogue, so the file works under any name. The relation `relspec_revision` holds the number.

A request says what changed since the file that is there. A process that starts anew takes that file as its base; a
request that fails leaves both as they were.
"""

import os
import shutil
from pathlib import Path

import duckdb

from relspec.core.work import Published, PublishViews, ViewDefinition
from relspec.edges.engine.complaint import complaint_of, sentence
from relspec.edges.engine.objects import content_of_file, temporary_path
from relspec.edges.engine.sql import identifier, nothing_of, read_parquet

#: The name under which the revision is published; no output can have it.
REVISION_VIEW = "relspec_revision"
#: Nothing of Python's is a table, no extension comes, and no statement changes that.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": "1",
    "errors_as_json": "true",
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "lock_configuration": "true",
}


class PublishError(Exception):
    """The views cannot be brought to the revision; publish them whole. The published file is as it was."""


class Publisher:
    """The process's private copy of one file of views, good for as long as that file is the one written from it.

    Another process may publish in between: a command has each request answered by whichever engine is free.
    """

    def __init__(self) -> None:
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._build: Path | None = None
        self._target: str | None = None
        self._written: tuple[int, int, int] | None = None

    def publish(self, request: PublishViews) -> Published:
        """Bring the file at `request.path` to `request.revision`; raises PublishError."""
        try:
            connection = self._opened(request)
            left_out = _apply(connection, request)
        except (duckdb.Error, OSError) as error:
            self.close()
            reason = sentence(complaint_of(error).message) if isinstance(error, duckdb.Error) else str(error)
            raise PublishError(f"the views cannot be brought to revision {request.revision}: {reason}") from error
        assert self._build is not None
        content = _replace(self._build, Path(request.path))
        self._written = _mark(request.path)
        return Published(request.revision, left_out, content)

    def close(self) -> None:
        """Give the private copy up."""
        if self._connection is not None:
            self._connection.close()
        if self._build is not None:
            self._build.unlink(missing_ok=True)
            self._build.with_name(self._build.name + ".wal").unlink(missing_ok=True)
        self._connection = self._build = self._target = self._written = None

    def _opened(self, request: PublishViews) -> duckdb.DuckDBPyConnection:
        is_same = self._target == request.path and not request.whole
        if self._connection is not None and is_same and _mark(request.path) == self._written:
            return self._connection
        self.close()
        self._build = Path(temporary_path(request.temporary, ".duckdb"))
        self._target = request.path
        if not request.whole:
            shutil.copyfile(request.path, self._build)
        self._connection = duckdb.connect(str(self._build), config=_CONFIG)
        return self._connection


def _apply(connection: duckdb.DuckDBPyConnection, request: PublishViews) -> tuple[str, ...]:
    """Bring the private copy to the revision; the views that were left out."""
    connection.execute("BEGIN")
    try:
        for name in request.dropped:
            _drop(connection, name)
        left_out = tuple(view.name for view in request.changed if not _create(connection, view))
        connection.execute(f"CREATE OR REPLACE VIEW main.{REVISION_VIEW} AS SELECT {request.revision} AS revision")
    except duckdb.Error:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    # A copy of a file that has its views in the log alone shows none of them.
    connection.execute("CHECKPOINT")
    return left_out


def _create(connection: duckdb.DuckDBPyConnection, view: ViewDefinition) -> bool:
    """Create a view; a shaky one that does not bind is dropped instead, since nobody could open it."""
    try:
        connection.execute(f"CREATE OR REPLACE VIEW main.{identifier(view.name)} AS {_query(view)}")
    except (duckdb.BinderException, duckdb.CatalogException):
        if not view.shaky:
            raise
        _drop(connection, view.name)
        return False
    return True


def _drop(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    connection.execute(f"DROP VIEW IF EXISTS main.{identifier(name)}")


def _query(view: ViewDefinition) -> str:
    if view.sql is not None:
        return view.sql
    return f"SELECT * FROM {read_parquet(view.parts)}" if view.parts else nothing_of(view.columns)


def _mark(path: str) -> tuple[int, int, int]:
    """What tells one file of views from the next at its place."""
    status = os.stat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns


def _replace(build: Path, target: Path) -> str:
    """Let `target` be a copy of `build`, durable and at once; the hash of what it holds."""
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(build, aside)
        with aside.open("rb") as file:
            content = content_of_file(file)
            os.fsync(file.fileno())
        aside.rename(target)
    finally:
        aside.unlink(missing_ok=True)
    return content
