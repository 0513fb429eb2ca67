"""Asking for publications, and reading what is published, as others do."""

from pathlib import Path

import duckdb

from relspec.core.work import PublishViews, ViewDefinition
from relspec.edges.engine.views_file import ViewsFile


def part(directory: Path, value: int) -> str:
    path = directory / f"part[{value}]'.parquet"
    duckdb.connect().execute(f"COPY (SELECT {value} AS r) TO '{str(path).replace(chr(39), chr(39) * 2)}'")
    return str(path)


def asked(root: Path, revision: int, *changed: ViewDefinition, **named) -> PublishViews:
    """Ask for a revision: `whole`, or what changed since the file that is there."""
    (root / "tmp").mkdir(exist_ok=True)
    stamp = None if named.pop("whole", False) else ViewsFile(str(root / "relspec.duckdb")).stamp() or "nothing"
    fields = {"dropped": (), "stamp": stamp, "logged": True} | named
    return PublishViews(str(root / "relspec.duckdb"), str(root / "tmp"), revision, changed, **fields)


def rows(path: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def seen(root: Path) -> list[bytes]:
    """The bytes that a reader finds, in the file and in its log."""
    return [path.read_bytes() for path in sorted(root.glob("relspec.duckdb*"))]


def stored(name: str, *paths: str) -> ViewDefinition:
    return ViewDefinition(name, None, paths, (), shaky=False)


TOP = ViewDefinition("top", 'SELECT max(r) AS r FROM "main"."da""ta"', (), (), shaky=False)
