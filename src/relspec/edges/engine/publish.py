"""The verb publish: the DuckDB file of views that users open, brought to a revision at once.

A private copy stays open here between requests, because opening it again would cost time that grows with the number of
views. Changes go into that copy; then readers get them by what the copy's write-ahead log says of them, or as a copy of
the whole (`views_file`). Who has the published file open keeps the revision that they opened. Views name each other as
`main.<name>` without a catalogue, so the file works under any name. The relation `relspec_revision` holds the number.

What a change needs can be done ahead (`prepare`), while the daemon still makes durable what it will show: then a file
has to be renamed. A request says what changed since the file that is there. A process that starts anew takes that file
as its base, if it is the one that the request means; a request that fails leaves that file as it was.
"""

import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import duckdb
import msgspec
from msgspec.structs import replace

from relspec.core.work import Published, PublishViews, ViewDefinition
from relspec.edges.engine.complaint import complaint_of, sentence
from relspec.edges.engine.objects import temporary_path
from relspec.edges.engine.sql import identifier, nothing_of, read_parquet
from relspec.edges.engine.views_file import ViewsFile, log_of

#: The name under which the revision is published; no output can have it.
REVISION_VIEW = "relspec_revision"
#: Nothing of Python's is a table, no extension comes, and no statement changes that. The log grows until we fold it.
#: What was read of a file to bind a view is forgotten: kept, it was 8 KB for each object that was ever published.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": "1",
    "errors_as_json": "true",
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_file_cache": "false",
    "checkpoint_threshold": "1TB",
    "lock_configuration": "true",
}


class PublishError(Exception):
    """The views cannot be brought to the revision; publish them whole. The published file is as it was."""


class _Applied(msgspec.Struct, frozen=True):
    """A request in the private copy: views that were left out, and whether the log can tell it."""

    request: PublishViews
    left_out: tuple[str, ...]
    can_be_told: bool

    def serves(self, request: PublishViews) -> bool:
        """Whether a request asks for what was applied; where it is told is another question."""
        return replace(request, logged=self.request.logged) == self.request


class Publisher:
    """The process's private copy of one file of views, good for as long as that file is the one written from it.

    Another process may publish in between: a command has each request answered by whichever engine is free.
    """

    def __init__(self) -> None:
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._build: Path | None = None
        self._views = ViewsFile("")
        self._names: set[str] = set()
        self._started_at = time.monotonic()
        self._is_alone = False
        self._applied: _Applied | None = None
        self._stamp: str | None = None

    def prepare(self, request: PublishViews) -> None:
        """Do what can be done of a change before it may be shown; whatever goes wrong is found again by `publish`.

        Only a process that alone publishes is asked for this. Without a change it gets ready for the first.
        """
        self._is_alone = True
        try:
            connection, is_change = self._opened(request), bool(request.changed or request.dropped)
            can_be_told = is_change and self._apply(connection, request).can_be_told
            if can_be_told and request.logged and self._build is not None:
                self._views.lay(self._build)
        except (duckdb.Error, OSError):
            self.close()

    def publish(self, request: PublishViews) -> Published:
        """Bring the file at `request.path` to `request.revision`; raises PublishError."""
        try:
            connection = self._opened(request)
            applied = self._apply(connection, request)
            content = self._show(connection, told=applied.can_be_told and request.logged)
            self._applied = None
            self._stamp = self._views.stamp()
        except (duckdb.Error, OSError) as error:
            self.close()
            reason = sentence(complaint_of(error).message) if isinstance(error, duckdb.Error) else str(error)
            raise PublishError(f"the views cannot be brought to revision {request.revision}: {reason}") from error
        assert self._stamp is not None
        return Published(request.revision, applied.left_out, content, self._stamp)

    def close(self) -> None:
        """Give the private copy up."""
        if self._connection is not None:
            self._connection.close()
        if self._build is not None:
            self._build.unlink(missing_ok=True)
            log_of(self._build).unlink(missing_ok=True)
            self._views.clear()
        self._connection = self._build = self._stamp = self._applied = None

    def _opened(self, request: PublishViews) -> duckdb.DuckDBPyConnection:
        there = ViewsFile(request.path, self._started_at if self._is_alone else None)
        is_meant = request.stamp is not None and there.stamp() == request.stamp
        if self._applied is not None and not self._applied.serves(request):
            # It was prepared for a build that another one took the place of.
            self.close()
        is_begun = request.stamp is None and self._applied is not None
        if self._connection is not None and (is_begun or (is_meant and self._stamp == request.stamp)):
            return self._connection
        self.close()
        if request.stamp is not None and not is_meant:
            raise OSError(f"{request.path} is not the file that was published last")
        self._views = there
        self._build = Path(temporary_path(request.temporary, ".duckdb"))
        if is_meant:
            there.copy_to(self._build)
            # What was changed while it was copied is not what is meant.
            self._stamp = request.stamp if there.stamp() == request.stamp else None
        self._connection = duckdb.connect(str(self._build), config=_CONFIG)
        # It finds nothing in the statements here, and takes 70 us of each all the same.
        self._connection.execute("PRAGMA disable_optimizer")
        found = self._connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        self._names = {name.lower() for (name,) in found}
        return self._connection

    def _apply(self, connection: duckdb.DuckDBPyConnection, request: PublishViews) -> _Applied:
        """Bring the private copy to the revision, unless it was done ahead."""
        if self._applied is not None:
            return self._applied
        assert self._build is not None
        mentioned = {REVISION_VIEW, *map(str.lower, request.dropped), *(view.name.lower() for view in request.changed)}
        before = mentioned & self._names
        connection.execute("BEGIN")
        self._drop(connection, request.dropped)
        revision = ViewDefinition(REVISION_VIEW, f"SELECT {request.revision} AS revision", (), (), shaky=False)
        left_out = self._create(connection, (*request.changed, revision))
        connection.execute("COMMIT")
        is_plain = before == mentioned & self._names
        can_be_told = request.stamp is not None and self._views.tells(self._build, plain=is_plain)
        self._applied = _Applied(request, left_out, can_be_told)
        return self._applied

    def _show(self, connection: duckdb.DuckDBPyConnection, *, told: bool) -> str:
        assert self._build is not None
        if told:
            content = self._views.write_log(self._build)
            if content is None:
                connection.execute("CHECKPOINT")
                content = self._views.fold(self._build)
            return content
        connection.execute("CHECKPOINT")
        return self._views.replace(self._build)

    def _create(self, connection: duckdb.DuckDBPyConnection, views: Iterable[ViewDefinition]) -> tuple[str, ...]:
        """Create views; shaky ones that do not bind are dropped instead, since nobody could open them: their names.

        In one call as far as none is shaky, which saves 50 us for each.
        """
        left_out: list[str] = []
        for group in _groups(views):
            names = [view.name for view in group]
            try:
                # A text may end in a comment, which would take the semicolon in.
                connection.execute("\n;\n".join(map(_creation, group)))
                self._names.update(map(str.lower, names))
            except (duckdb.BinderException, duckdb.CatalogException):
                if not group[0].shaky:
                    raise
                self._drop(connection, names)
                left_out += names
        return tuple(left_out)

    def _drop(self, connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
        for name in names:
            connection.execute(f"DROP VIEW IF EXISTS main.{identifier(name)}")
            self._names.discard(name.lower())


def _groups(views: Iterable[ViewDefinition]) -> Iterator[list[ViewDefinition]]:
    """Shaky views each on its own, others together with their neighbours."""
    for shaky, alike in groupby(views, key=lambda view: view.shaky):
        if shaky:
            yield from ([view] for view in alike)
        else:
            yield list(alike)


def _creation(view: ViewDefinition) -> str:
    return f"CREATE OR REPLACE VIEW main.{identifier(view.name)} AS {_query(view)}"


def _query(view: ViewDefinition) -> str:
    if view.sql is not None:
        return view.sql
    return f"SELECT * FROM {read_parquet(view.parts)}" if view.parts else nothing_of(view.columns)
