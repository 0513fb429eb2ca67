"""Edits of a generated project: every row of `edits.md`, and some more. Each is a pure function of project and seed.

An edit that does not apply, or that would break what it is not meant to break, leaves the project as it is; so any
part of a script is a script. What breaks something is an excursion: it lasts for one build.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.campaign.generate import QueryMaker, new_rows, new_value, with_new_task
from tests.campaign.meaning import Meanings
from tests.campaign.model import health_of
from tests.campaign.shape import (
    FAMILIES,
    Aggregate,
    Between,
    Case,
    Coalesce,
    Column,
    Compare,
    Expression,
    InList,
    IsNull,
    Join,
    Number,
    Output,
    Plus,
    Predicate,
    Project,
    Query,
    Row,
    Select,
    Source,
    Task,
    Udf,
    Union,
    inputs,
    refs,
    selects,
)


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit: its kind, the task, source or helper that it is about, and the seed of what is left open."""

    kind: str
    target: str
    seed: int


TaskEdit = Callable[[Project, Task, random.Random], Project]
SourceEdit = Callable[[Project, Source, random.Random], Project]


def applied(project: Project, edit: Edit) -> Project:
    """The project after an edit; unchanged where the edit does not apply or would break something."""
    after = _attempted(project, edit)
    if edit.kind in EXCURSIONS:
        return after
    health = health_of(after, {})
    return project if health.failed or health.blocked else after


def _attempted(project: Project, edit: Edit) -> Project:
    rng = random.Random(edit.seed)
    task, source = project.task(edit.target), project.source(edit.target)
    if edit.kind in TASK_EDITS:
        return project if task is None else TASK_EDITS[edit.kind](project, task, rng)
    if edit.kind in SOURCE_EDITS:
        return project if source is None else SOURCE_EDITS[edit.kind](project, source, rng)
    if edit.kind == "add task":
        return with_new_task(project, rng)
    if edit.kind == "helper":
        helpers = tuple((n, rng.randrange(1000) if n == edit.target else s) for n, s in project.helpers)
        return replace(project, helpers=helpers)
    assert edit.kind == "touch", edit.kind
    return project


def _with(project: Project, old: Task, new: Task) -> Project:
    return replace(project, tasks=tuple(new if t is old else t for t in project.tasks))


def _requery(project: Project, task: Task, query: Query | None) -> Project:
    return project if query is None else _with(project, task, replace(task, query=query))


def _side(task: Task, rng: random.Random) -> Select:
    return rng.choice(selects(task.query))


def _put(task: Task, old: Select, new: Select) -> Query:
    query = task.query
    if isinstance(query, Union):
        return replace(query, left=new) if query.left is old else replace(query, right=new)
    return new


# Edits of tasks


def _style(project: Project, task: Task, rng: random.Random) -> Project:
    return _with(project, task, replace(task, style=rng.randrange(10**6)))


def _literal(project: Project, task: Task, rng: random.Random) -> Project:
    side = _side(task, rng)
    if not side.where:
        return project
    i = rng.randrange(len(side.where))
    where = (*side.where[:i], _other(side.where[i], task, rng), *side.where[i + 1 :])
    return _requery(project, task, _put(task, side, replace(side, where=where)))


def _other(predicate: Predicate, task: Task, rng: random.Random) -> Predicate:
    match predicate:
        case Compare():
            return replace(predicate, value=rng.randrange(9) * 1000 + task.number)
        case InList(values=values):
            return replace(predicate, values=(*rng.sample("abcdef", rng.randint(1, 5)), values[-1]))
        case Between():
            return replace(predicate, low=f"2026-01-0{rng.randint(1, 7)}")
        case IsNull():
            return replace(predicate, negated=not predicate.negated) if task.is_stored else predicate


def _add_predicate(project: Project, task: Task, rng: random.Random) -> Project:
    side = _side(task, rng)
    maker = QueryMaker(rng, project, task)
    pool = maker.pool(side.inputs[:1])
    if side.join is not None and side.join.kind == "natural":
        return project
    found = [p for p in (maker.predicate(pool),) if repr(p) not in map(repr, side.where)]
    if not task.is_stored:
        found = [p for p in found if not isinstance(p, IsNull)]
    return _requery(project, task, _put(task, side, replace(side, where=(*side.where, *found))))


def _drop_predicate(project: Project, task: Task, rng: random.Random) -> Project:
    side = _side(task, rng)
    numbers = [p for p in side.where if isinstance(p, Compare)]
    free = [p for p in side.where if task.is_stored or p not in numbers or len(numbers) > 1]
    if not free:
        return project
    gone = rng.choice(free)
    return _requery(project, task, _put(task, side, replace(side, where=tuple(p for p in side.where if p != gone))))


def _add_output(project: Project, task: Task, rng: random.Random) -> Project:
    maker = QueryMaker(rng, project, task)
    if isinstance(task.query, Union):
        pools = [maker.pool(s.inputs) for s in selects(task.query)]
        common = [f for f in maker.union_families() if all(p.of(f) for p in pools)]
        if not common:
            return project
        family, name = rng.choice(common), maker.name()
        left, right = (
            replace(s, outputs=(*s.outputs, Output(name, rng.choice(p.of(family)))))
            for s, p in zip(selects(task.query), pools, strict=True)
        )
        return _requery(project, task, replace(task.query, left=left, right=right))
    select = task.query
    if not select.outputs:
        return project
    visible = select.join is None or select.join.kind in {"inner", "left", "using"}
    pool = maker.pool(select.inputs if visible else select.inputs[:1])
    expression: Expression | None
    if select.group and rng.random() < 0.4:
        expression = rng.choice(pool.columns)[0]
        if any(o.expression == expression for o in select.outputs):
            return project
    elif select.group or any(isinstance(o.expression, (Aggregate, Number)) for o in select.outputs):
        expression = maker.aggregate(pool)
    else:
        options = [maker.computed(pool), rng.choice(pool.columns)[0]]
        options += [] if task.is_python and select.join else [maker.window(pool)]
        expression = rng.choice(options)
    if expression is None or (task.is_python and select.join and isinstance(expression, Aggregate)):
        return project
    outputs = list(select.outputs)
    outputs.insert(rng.randint(0, len(outputs)), maker.output(expression))
    return _requery(project, task, replace(select, outputs=tuple(outputs)))


def _drop_output(project: Project, task: Task, rng: random.Random) -> Project:
    names = [o.name for o in selects(task.query)[0].outputs]
    if len(names) < 2:
        return project
    gone = rng.choice(names)
    return _requery(project, task, _reordered(task.query, [n for n in names if n != gone]))


def _reorder(project: Project, task: Task, rng: random.Random) -> Project:
    names = [o.name for o in selects(task.query)[0].outputs]
    return _requery(project, task, _reordered(task.query, rng.sample(names, len(names))))


def _reordered(query: Query, names: list[str]) -> Query | None:
    def of(select: Select) -> Select:
        found = {o.name: o for o in select.outputs}
        return replace(select, outputs=tuple(found[n] for n in names))

    changed = replace(query, left=of(query.left), right=of(query.right)) if isinstance(query, Union) else of(query)
    sides = selects(changed)
    # What is grouped keeps an aggregate, else it would be another sort of query.
    if any(s.group and not any(isinstance(o.expression, Aggregate) for o in s.outputs) for s in sides):
        return None
    return changed


def _modify_output(project: Project, task: Task, rng: random.Random) -> Project:
    side = _side(task, rng)
    maker = QueryMaker(rng, project, task)
    changed = [(i, e) for i, o in enumerate(side.outputs) if (e := _modified(o.expression, maker, rng)) is not None]
    if not changed:
        return project
    i, expression = rng.choice(changed)
    outputs = (*side.outputs[:i], Output(side.outputs[i].name, expression), *side.outputs[i + 1 :])
    return _requery(project, task, _put(task, side, replace(side, outputs=outputs)))


def _modified(expression: Expression, maker: QueryMaker, rng: random.Random) -> Expression | None:
    match expression:
        case Plus():
            return replace(expression, number=maker.number() + 1000)
        case Coalesce():
            return replace(expression, number=maker.number())
        case Case():
            return replace(expression, yes=maker.number())
        case Number():
            return Number(maker.number())
        case Udf():
            return replace(expression, factor=rng.randint(2, 9))
        case Aggregate(function="min" | "max"):
            return replace(expression, function="max" if expression.function == "min" else "min")
        case _:
            return None


def _join_kind(project: Project, task: Task, rng: random.Random) -> Project:
    select = task.query
    if not isinstance(select, Select) or select.join is None or select.join.kind not in {"inner", "left"}:
        return project
    kind = "left" if select.join.kind == "inner" else "inner"
    return _requery(project, task, replace(select, join=Join(kind, select.join.left, select.join.right)))


def _set_operation(project: Project, task: Task, rng: random.Random) -> Project:
    query = task.query
    return _requery(project, task, replace(query, all=not query.all)) if isinstance(query, Union) else project


def _distinct(project: Project, task: Task, rng: random.Random) -> Project:
    select = task.query
    if not isinstance(select, Select) or select.group or select.limit is not None or not select.outputs:
        return project
    if any(isinstance(o.expression, (Aggregate, Number)) for o in select.outputs):
        return project
    return _requery(project, task, replace(select, distinct=not select.distinct))


def _bound(project: Project, task: Task, rng: random.Random) -> Project:
    select = task.query
    if not isinstance(select, Select) or (select.having is None and select.limit is None):
        return project
    if select.limit is not None:
        return _requery(project, task, replace(select, limit=rng.randint(1, 6)))
    return _requery(project, task, replace(select, having=rng.randint(0, 3)))


def _rewrite(project: Project, task: Task, rng: random.Random) -> Project:
    return _requery(project, task, QueryMaker(rng, project, task).query())


def _kind(project: Project, task: Task, rng: random.Random) -> Project:
    kind = rng.choice([k for k in ("materialization", "compute") if k != task.kind])
    return _with(project, task, replace(task, kind=kind)) if task.is_stored else project


def _move(project: Project, task: Task, rng: random.Random) -> Project:
    if task.is_python:
        return project
    folder = "tasks/" if task.path.startswith("tasks/more/") else "tasks/more/"
    return _with(project, task, replace(task, path=f"{folder}{task.name}.sql"))


def _rename(project: Project, task: Task, rng: random.Random) -> Project:
    name = f"t{task.number}_{rng.randrange(1000)}"
    path = task.path if task.is_python else f"{task.path.rpartition('/')[0]}/{name}.sql"
    renamed = _with(project, task, replace(task, name=name, path=path))
    tasks = tuple(replace(t, query=_reading(t.query, task.name, name)) for t in renamed.tasks)
    return replace(renamed, tasks=tasks)


def _reading(query: Query, old: str, new: str) -> Query:
    def of(select: Select) -> Select:
        return replace(select, inputs=tuple(new if name == old else name for name in select.inputs))

    return replace(query, left=of(query.left), right=of(query.right)) if isinstance(query, Union) else of(query)


def _delete(project: Project, task: Task, rng: random.Random) -> Project:
    return replace(project, tasks=tuple(t for t in project.tasks if t is not task))


def _break(project: Project, task: Task, rng: random.Random) -> Project:
    return _with(project, task, replace(task, broken=True))


# Edits of sources


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


TASK_EDITS: dict[str, TaskEdit] = {
    "style": _style,
    "literal": _literal,
    "add predicate": _add_predicate,
    "drop predicate": _drop_predicate,
    "add output": _add_output,
    "drop output": _drop_output,
    "reorder outputs": _reorder,
    "modify output": _modify_output,
    "join kind": _join_kind,
    "set operation": _set_operation,
    "distinct": _distinct,
    "bound": _bound,
    "rewrite": _rewrite,
    "kind": _kind,
    "move": _move,
    "rename": _rename,
    "delete": _delete,
    "delete for one build": _delete,
    "break for one build": _break,
    "drop output for one build": _drop_output,
}
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
#: Edits that may break something; the project is back to what it was after one build.
EXCURSIONS = frozenset(k for k in (*TASK_EDITS, *SOURCE_EDITS) if k.endswith("for one build"))
_WEIGHTS = {"style": 6, "literal": 5, "add output": 4, "modify output": 4, "change value": 4, "reorder outputs": 2}


def new_edit(project: Project, rng: random.Random, *, excursion: bool) -> Edit:
    """A random edit of what is there."""
    kinds = [k for k in (*TASK_EDITS, *SOURCE_EDITS, "touch", "helper", "add task") if (k in EXCURSIONS) == excursion]
    kind = rng.choices(kinds, [_WEIGHTS.get(k, 1) for k in kinds])[0]
    targets = [s.name for s in project.sources]
    if kind in TASK_EDITS:
        targets = [t.name for t in project.tasks]
    elif kind == "helper":
        targets = [n for n, _ in project.helpers]
    elif kind == "touch":
        targets = ["*"]
    return Edit(kind, rng.choice(targets or [""]), rng.randrange(10**9))


def reads(task: Task) -> tuple[str, ...]:
    """The datasets that a task names."""
    return inputs(task.query)


def uses_of(query: Query) -> set[str]:
    """The names of the columns that a query mentions."""
    return {r.column for s in selects(query) for p in (*s.where, *(o.expression for o in s.outputs)) for r in refs(p)}


def families(source: Source) -> dict[str, str]:
    """The families of a source's columns."""
    return {c.name: FAMILIES[c.type] for c in source.columns}


def shape_of(project: Project, name: str) -> tuple[tuple[str, str], ...]:
    """The columns of a dataset."""
    return Meanings(project).shape(name)
