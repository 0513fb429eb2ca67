"""Which content each dataset showed, from which revision to which: written with the commit that changes it."""

import json
import time
from collections.abc import Mapping

from relspec.core.state import Delta, SourceState
from relspec.edges.store.connection import Connection


def note(connection: Connection, change: Delta) -> None:
    """Note what `change` shows anew and no longer, inside its transaction. Cost: the parts of what changed."""
    outputs = {name: frozenset[str]() if o is None else frozenset({o.content}) for name, o in change.outputs.items()}
    sources = {name: found for name, s in change.sources.items() if (found := _parts(s)) is not None}
    if not outputs and not sources:
        return
    revision = _revision(connection) if change.run is None else change.run.revision
    for role, contents in (("output", outputs), ("source", sources)):
        if contents:
            _switch(connection, role, contents, revision)


def _parts(source: SourceState | None) -> frozenset[str] | None:
    """What a source shows; `None` where it is broken: then readers go on seeing what it showed before."""
    if source is None:
        return frozenset()
    dataset = source.dataset
    return None if dataset is None else frozenset(part.content for part in dataset.parts)


def _revision(connection: Connection) -> int:
    (revision,) = connection.execute("select coalesce(max(revision), 0) from run").fetchone()
    return int(revision)


def _switch(connection: Connection, role: str, contents: Mapping[str, frozenset[str]], revision: int) -> None:
    now = time.time()
    # In this order, as a cross join goes: of all that is shown only what is asked for is looked up.
    there = set(
        connection.execute(
            "select dataset, content from json_each(?) cross join shown"
            " where role = ? and dataset = value and until is null",
            (json.dumps(list(contents)), role),
        )
    )
    wanted = {(dataset, content) for dataset, found in contents.items() for content in found}
    close = "update shown set until = ?, ended_at = ? where role = ? and dataset = ? and content = ? and until is null"
    connection.executemany(close, [(revision, now, role, *gone) for gone in there - wanted])
    # Shown, replaced and shown again within one revision: the row of this revision goes on.
    connection.put("shown", [(role, *came, revision, None, None) for came in wanted - there])
