"""Edits of tasks: how they are written, what they ask, what they are called, where they lie, and whether they are."""

import random
from collections.abc import Callable
from dataclasses import replace

from tests.campaign.generate import TEXTS, QueryMaker, low_day
from tests.campaign.shape import (
    Aggregate,
    Between,
    Case,
    Coalesce,
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
    Scalar,
    Select,
    Task,
    Udf,
    Union,
    selects,
)

TaskEdit = Callable[[Project, Task, random.Random], Project]


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
            return replace(predicate, values=(*rng.sample(TEXTS, rng.randint(1, 5)), values[-1]))
        case Between():
            return replace(predicate, low=low_day(task.number, rng.randrange(7)))
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
        options += [maker.window(pool)] if task.is_stored and not (task.is_python and select.join) else []
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
    if any(s.group and not _gives(s, Aggregate) for s in sides):
        return None
    # What is joined for a scalar keeps one, else its text would not name that input.
    if any(s.join is not None and s.join.kind == "scalar" and not _gives(s, Scalar) for s in sides):
        return None
    # A limit is ordered by all outputs, in their order: another one keeps other rows.
    if any(s.limit is not None for s in sides):
        return None
    return changed


def _gives(select: Select, kind: type[Expression]) -> bool:
    return any(isinstance(o.expression, kind) for o in select.outputs)


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


#: Every edit of a task by its name.
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
