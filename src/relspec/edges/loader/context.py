"""The `ctx` of a builder: datasets as Ibis tables, and their metadata. Everything that is looked at is recorded.

Where a schema is not known the builder stops, by an exception that `except Exception` does not catch; a bare
`except:` may catch it, so what stopped the builder is also kept in the record, and counts however the builder ends.
"""

import sys
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

import ibis.expr.types as ir
import msgspec

from relspec.core.problem import Code, Problem
from relspec.core.schema import Schema
from relspec.core.suggest import closest
from relspec.core.work import Named
from relspec.edges.loader.blame import place_of
from relspec.edges.loader.snapshot import Snapshot
from relspec.edges.loader.types import ibis_table


class StopBuilder(BaseException):
    """Ends a builder from inside one of its calls. Never reaches users."""


class Looked(msgspec.Struct):
    """What a builder has looked at, in order, and what stopped it."""

    asked: dict[str, None] = msgspec.field(default_factory=dict)
    tables: list[ir.Table] = msgspec.field(default_factory=list)
    metadata: dict[tuple[str, str], str] = msgspec.field(default_factory=dict)
    stopped: Named | Problem | None = None


class TaskContext:
    """What a builder is given."""

    def __init__(self, snapshot: Snapshot, schemas: Mapping[str, Schema], looked: Looked) -> None:
        self._snapshot = snapshot
        self._schemas = {name.lower(): schema for name, schema in schemas.items()}
        self._looked = looked

    def __repr__(self) -> str:
        return "<ctx: table(name), metadata(dataset)>"

    def table(self, name: str) -> ir.Table:
        """Give a dataset by name: a source, or what another task produces."""
        table = ibis_table(name, self._schema(name))
        self._looked.tables.append(table)
        return table

    def metadata(self, dataset: str) -> "Metadata":
        """Give the key-value metadata that the files of a dataset carry."""
        return Metadata(self._snapshot, self._looked, dataset, dict(self._schema(dataset).metadata))

    def _schema(self, name: str) -> Schema:
        if not isinstance(name, str) or not name:
            raise TypeError(f"a dataset is named by a text, not by {name!r}")
        self._looked.asked[name] = None
        schema = self._schemas.get(name.lower())
        if schema is None:
            _, line, column = _caller(self._snapshot)
            self._looked.stopped = self._looked.stopped or Named(name, line, column)
            raise StopBuilder
        return schema


class Metadata(Mapping[str, str]):
    """The metadata of one dataset; each value that is read is required from then on."""

    def __init__(self, snapshot: Snapshot, looked: Looked, dataset: str, values: Mapping[str, str]) -> None:
        self._snapshot = snapshot
        self._looked = looked
        self._dataset = dataset
        self._values = values

    def __getitem__(self, key: str) -> str:
        if key not in self._values:
            self._looked.stopped = self._looked.stopped or self._missing(key)
            raise StopBuilder
        self._looked.metadata[self._dataset, key] = self._values[key]
        return self._values[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Read a value that may be missing."""
        return self[key] if key in self._values else default

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def _missing(self, key: str) -> Problem:
        path, line, column = _caller(self._snapshot)
        near = closest(key, self._values) if isinstance(key, str) else None
        there = ", ".join(sorted(self._values)) or "none at all"
        message = f"{self._dataset} has no metadata {key!r} (there is: {there})"
        hint = f"did you mean {near!r}?" if near else "metadata.get(key) allows for a missing one"
        return Problem(Code.EDGE, None, self._snapshot.places.shown(path), line, column, message, hint)


def _caller(snapshot: Snapshot) -> tuple[str, int, int]:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - there is no public way to the stack.
    while frame is not None and not snapshot.is_code(frame.f_code.co_filename):
        frame = frame.f_back
    return (snapshot.current or "", 1, 1) if frame is None else place_of(frame)
