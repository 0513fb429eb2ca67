"""Edits of sources: rows, parts, columns and types."""

import random
from collections.abc import Callable
from dataclasses import replace

from tests.campaign.generate import new_rows, new_value
from tests.campaign.shape import Column, Project, Row, Source

SourceEdit = Callable[[Project, Source, random.Random], Project]


def _resourced(project: Project, old: Source, new: Source) -> Project:
    return replace(project, sources=tuple(new if s is old else s for s in project.sources))


def _refilled(project: Project, source: Source, path: str, rows: tuple[Row, ...]) -> Project:
    if source.is_csv and (not rows or None in rows[0]):
        # The first row of a CSV file shows its types.
        return project
    files = tuple((p, rows if p == path else r) for p, r in source.files)
    return _resourced(project, source, replace(source, files=files))


def _reorder_rows(project: Project, source: Source, rng: random.Random) -> Project:
    path, rows = rng.choice(source.files)
    head = rows[:1] if source.is_csv else ()
    rest = rows[len(head) :]
    return _refilled(project, source, path, (*head, *rng.sample(rest, len(rest))))


def _swap(project: Project, source: Source, rng: random.Random) -> Project:
    path, rows = rng.choice(source.files)
    if len(rows) < 2:
        return project
    i, j = rng.sample(range(len(rows)), 2)
    c = rng.randrange(len(source.columns))
    swapped = list(rows)
    swapped[i] = (*rows[i][:c], rows[j][c], *rows[i][c + 1 :])
    swapped[j] = (*rows[j][:c], rows[i][c], *rows[j][c + 1 :])
    return _refilled(project, source, path, tuple(swapped))


def _duplicate(project: Project, source: Source, rng: random.Random) -> Project:
    path, rows = rng.choice(source.files)
    return _refilled(project, source, path, (*rows, rng.choice(rows))) if rows else project


def _change_value(project: Project, source: Source, rng: random.Random) -> Project:
    path, rows = rng.choice(source.files)
    if not rows:
        return project
    i, c = rng.randrange(len(rows)), rng.randrange(len(source.columns))
    value = new_value(rng, source.columns[c].type, nulls=i > 0, csv=source.is_csv)
    return _refilled(project, source, path, (*rows[:i], (*rows[i][:c], value, *rows[i][c + 1 :]), *rows[i + 1 :]))


def _drop_row(project: Project, source: Source, rng: random.Random) -> Project:
    path, rows = rng.choice(source.files)
    i = rng.randrange(len(rows)) if rows else 0
    return _refilled(project, source, path, (*rows[:i], *rows[i + 1 :]))


def _refill(project: Project, source: Source, rng: random.Random) -> Project:
    path, _ = rng.choice(source.files)
    rows = new_rows(rng, source.columns, source.is_csv, rng.choice((0, 3, 12)))
    return _refilled(project, source, path, rows)


def _add_part(project: Project, source: Source, rng: random.Random) -> Project:
    if not source.glob:
        return project
    head, _, suffix = source.files[0][0].rpartition(".")
    path = f"{head.rpartition('/')[0]}/p{rng.randrange(10, 99)}.{suffix}"
    if path in dict(source.files):
        return project
    rows = new_rows(rng, source.columns, source.is_csv, rng.randint(0, 5))
    return _resourced(project, source, replace(source, files=tuple(sorted((*source.files, (path, rows))))))


def _drop_part(project: Project, source: Source, rng: random.Random) -> Project:
    if len(source.files) < 2:
        return project
    gone = rng.choice(source.files)
    return _resourced(project, source, replace(source, files=tuple(f for f in source.files if f is not gone)))


def _move_row(project: Project, source: Source, rng: random.Random) -> Project:
    """A row goes from one part to another: as a whole the source is what it was."""
    if len(source.files) < 2:
        return project
    (a, rows), (b, others) = rng.sample(source.files, 2)
    if len(rows) < 2:
        return project
    moved = {a: rows[:-1], b: (*others, rows[-1])}
    return _resourced(project, source, replace(source, files=tuple((p, moved.get(p, r)) for p, r in source.files)))


def _gain_column(project: Project, source: Source, rng: random.Random) -> Project:
    column = Column(f"n{rng.randrange(10**6)}", "BIGINT")
    at = rng.randint(0, len(source.columns))

    def of(row: Row) -> Row:
        return (*row[:at], rng.randrange(8) * 1000, *row[at:])

    files = tuple((p, tuple(map(of, rows))) for p, rows in source.files)
    columns = (*source.columns[:at], column, *source.columns[at:])
    return _resourced(project, source, replace(source, columns=columns, files=files))


def _lose_column(project: Project, source: Source, rng: random.Random) -> Project:
    if len(source.columns) < 3:
        return project
    at = rng.randrange(len(source.columns))
    files = tuple((p, tuple((*r[:at], *r[at + 1 :]) for r in rows)) for p, rows in source.files)
    columns = (*source.columns[:at], *source.columns[at + 1 :])
    return _resourced(project, source, replace(source, columns=columns, files=files))


def _widen(project: Project, source: Source, rng: random.Random) -> Project:
    """A whole number becomes wider or narrower; values stay."""
    return _retyped(project, source, rng, {"INTEGER": "BIGINT", "BIGINT": "INTEGER"})


def _retype(project: Project, source: Source, rng: random.Random) -> Project:
    """A column becomes another kind of type."""
    return _retyped(project, source, rng, {"INTEGER": "VARCHAR", "BIGINT": "VARCHAR", "DATE": "VARCHAR"})


def _retyped(project: Project, source: Source, rng: random.Random, types: dict[str, str]) -> Project:
    places = [i for i, c in enumerate(source.columns) if c.type in types]
    if source.is_csv or not places:
        return project
    at = rng.choice(places)
    column = replace(source.columns[at], type=types[source.columns[at].type])
    return _resourced(
        project, source, replace(source, columns=(*source.columns[:at], column, *source.columns[at + 1 :]))
    )


def _vanish(project: Project, source: Source, rng: random.Random) -> Project:
    return project if source.glob else replace(project, sources=tuple(s for s in project.sources if s is not source))


#: Every edit of a source by its name.
SOURCE_EDITS: dict[str, SourceEdit] = {
    "reorder rows": _reorder_rows,
    "swap values": _swap,
    "duplicate row": _duplicate,
    "change value": _change_value,
    "drop row": _drop_row,
    "refill": _refill,
    "add part": _add_part,
    "drop part": _drop_part,
    "move row": _move_row,
    "gain column": _gain_column,
    "lose column": _lose_column,
    "widen": _widen,
    "lose column for one build": _lose_column,
    "retype for one build": _retype,
    "vanish for one build": _vanish,
}
