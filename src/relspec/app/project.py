"""The Python API: a project as scripts and notebooks use it. Builds go through a running daemon where there is one."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ibis
import pyarrow

from relspec.app import reading
from relspec.app.glance import status
from relspec.app.local import asked
from relspec.core.errors import ConfigError
from relspec.core.layout import Layout
from relspec.core.progress import SetAside
from relspec.edges.ask import ask

Document = dict[str, Any]


class Project:
    """One project folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @classmethod
    def open(cls, directory: str | Path = ".") -> "Project":
        """Open the project at `directory`; raises ConfigError when there is no such folder."""
        root = Path(directory).resolve()
        if not root.is_dir():
            raise ConfigError(f"{directory} is not a directory")
        return cls(Layout(root))

    def build(self, tasks: Sequence[str] = (), *, again: bool = False) -> Document:
        """Build and wait; the document of `build --json`. With a daemon, it does the work.

        `again` executes the named tasks although nothing moved.
        """
        if again and not tasks:
            raise ConfigError("again=True executes tasks that are named: name at least one")
        return self._answered("build", {"tasks": list(tasks), "file": None, "again": again})

    def status(self, tasks: Sequence[str] = (), *, sync: bool = False) -> Document:
        """The document of `status --json`; `sync` first waits until every save made before is taken in."""
        if not sync and ask(self._layout, "ping", {}, None) is None:
            return status(self._layout, list(tasks))[1]
        return self._answered("status", {"tasks": list(tasks), "sync": sync})

    def table(self, name: str) -> ibis.Table:
        """A table of the current revision as an Ibis expression over an own in-memory DuckDB.

        It reads what was current when it was asked for, and holds no lock on anything.
        """
        return ibis.duckdb.connect().create_table(name, self.arrow(name))

    def arrow(self, name: str) -> pyarrow.Table:
        """A table of the current revision, read whole into memory."""
        with reading.connect(self._layout) as connection:
            found = reading.known_name(connection, name)
            return connection.sql(f"select * from {reading.quoted(found)}").to_arrow_table()

    def _answered(self, command: str, arguments: Document) -> Document:
        return asked(self._layout, command, arguments, _warn)


def _warn(event: SetAside) -> None:
    warnings.warn(f"the database of the state was damaged; it lies in {event.path} now", stacklevel=2)
