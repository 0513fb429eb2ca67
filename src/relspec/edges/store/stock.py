"""What the store knows that could be dropped, and dropping it: the rows behind `gc`."""

import sqlite3
from collections.abc import Iterator

import msgspec

from relspec.core.sweep import Claim, ClaimKind, Shown, Stock, Sweep
from relspec.core.work import Extracted
from relspec.edges.store.connection import Connection

#: Above every revision.
_NEVER = 1 << 62
#: The runs that say what became of a task last, and which gave it its table.
_TELLING = """
select max(run) from run_task join status on name = task group by task
union
select max(run) from run_task join status on name = task where action in ('executed', 'restored') group by task
"""


def stock(connection: sqlite3.Connection) -> Stock:
    """Read what there is. Cost: linear in all that is remembered."""
    telling = connection.execute(_TELLING)
    return Stock(
        claims=(*_executions(connection), *_extractions(connection), *_versions(connection)),
        shown=_shown(connection),
        digests=dict(connection.execute("select content, count(*) from digest group by content")),
        runs=tuple(connection.execute("select run, started_at from run order by run")),
        telling=frozenset(run for (run,) in telling),
    )


def _executions(connection: sqlite3.Connection) -> Iterator[Claim]:
    for key, output, content, used_at in connection.execute("select key, output, content, used_at from memo"):
        yield Claim(ClaimKind.EXECUTION, (key,), output, (content,), used_at)


def _extractions(connection: sqlite3.Connection) -> Iterator[Claim]:
    decoder = msgspec.json.Decoder(Extracted)
    for *key, body, used_at in connection.execute("select extractor, path, version, body, used_at from extraction"):
        contents = dict.fromkeys(part.content for _, _, part in decoder.decode(body).tables)
        yield Claim(ClaimKind.EXTRACTION, tuple(key), None, tuple(contents), used_at)


def _versions(connection: sqlite3.Connection) -> Iterator[Claim]:
    query = """
    select content, max(ended_at) from shown where role = 'source' group by content having count(*) = count(until)
    """
    for content, ended_at in connection.execute(query):
        yield Claim(ClaimKind.VERSION, (content,), None, (), ended_at)


def _shown(connection: sqlite3.Connection) -> dict[str, Shown]:
    query = """
    select content, case when count(*) = count(until) then max(until) end, coalesce(max(ended_at), 0)
    from shown group by content
    """
    return {content: Shown(until, ended_at) for content, until, ended_at in connection.execute(query)}


def forget(connection: Connection, swept: Sweep, marker: str) -> None:
    """Delete what `swept` drops, inside a transaction; `marker` says of the state when that was."""
    keys: dict[ClaimKind, list[tuple[str, ...]]] = {kind: [] for kind in ClaimKind}
    for claim in swept.claims:
        keys[claim.kind].append(claim.key)
    connection.executemany("delete from memo where key = ?", keys[ClaimKind.EXECUTION])
    extraction = "delete from extraction where extractor = ? and path = ? and version = ?"
    connection.executemany(extraction, keys[ClaimKind.EXTRACTION])
    unread = _NEVER if swept.unread is None else swept.unread
    contents = [(content,) for content in swept.contents]
    connection.executemany("delete from digest where content = ?", contents)
    closed = "delete from shown where content = ? and until is not null and until <= ?"
    connection.executemany(closed, [(content, unread) for (content,) in contents])
    # Of what is still known, one row says when it was last shown; the earlier ones only matter to readers.
    again = """
    delete from shown where until <= ? and exists (
      select 1 from shown later
      where later.content = shown.content and (later.until is null or later.until > shown.until)
    )
    """
    connection.execute(again, (unread,))
    for table in ("reason", "run_task", "run_change", "run"):
        connection.executemany(f"delete from {table} where run = ?", [(run,) for run in swept.runs])
    connection.put("setting", [("collected", marker)])


def collected(connection: sqlite3.Connection) -> tuple[int, float] | None:
    """The run and the moment of the last time."""
    row = connection.execute("select value from setting where name = 'collected'").fetchone()
    run, _, at = ("" if row is None else str(row[0])).partition(" ")
    return (int(run), float(at)) if run else None
