"""Makes projects and queries from a random generator.

Every literal of a task is a multiple of 1000 plus the task's number, and every view has a filter: so two queries
that were written differently never come to mean the same by accident, also where a view dissolves into its reader.
Data are multiples of 1000, so many changed literals leave the rows as they were.
"""

import datetime
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from tests.campaign.meaning import Meanings
from tests.campaign.shape import (
    FAMILIES,
    Aggregate,
    Between,
    Call,
    Case,
    Coalesce,
    Column,
    Compare,
    Expression,
    Family,
    InList,
    IsNull,
    Join,
    Number,
    Output,
    Plus,
    Predicate,
    Project,
    Query,
    Ref,
    Row,
    Scalar,
    Select,
    Source,
    Task,
    Udf,
    Union,
    Value,
    Window,
)

_NAMED = {"k": "INTEGER", "g": "VARCHAR", "d": "DATE", "v": "BIGINT", "f": "BOOLEAN", "m": "DECIMAL(9,2)"}
#: Not `f`, which a CSV file of nothing else would have read as "false".
TEXTS = "abcdeg"
#: The days of data lie so far apart that a bound of each task's own fits between two of them.
FIRST_DAY, DAYS_APART = datetime.date(2026, 1, 1), 100
_SHAPES = {
    "plain": 6,
    "join": 5,
    "grouped": 4,
    "whole": 1,
    "distinct": 2,
    "union": 2,
    "window": 2,
    "star": 2,
    "limit": 1,
    "scalar": 1,
    "literal": 1,
}
#: In views it is these whose columns count though nobody reads them.
_VIEW_SHAPES = {"distinct": 5, "union": 5, "grouped": 6}
_PYTHON_SHAPES = ("plain", "join", "grouped", "whole", "distinct", "union", "window", "star", "udf")
_POLICIES = ("", "", "", "", "none", "session", "persistent")


def new_project(rng: random.Random, n_tasks: int) -> Project:
    """A project of `n_tasks` tasks over one to four sources."""
    project = Project((), (), tuple((f"helper{i}", rng.randrange(1000)) for i in range(2)), 1)
    sources = tuple(_source(rng, i) for i in range(rng.randint(1, 4)))
    project = replace(project, sources=sources)
    for _ in range(n_tasks):
        project = with_new_task(project, rng)
    return project


def with_new_task(project: Project, rng: random.Random) -> Project:
    """The project with one task more, which reads what is there."""
    number = project.next_number
    kind = rng.choices(("materialization", "compute", "view"), (5, 2, 3))[0]
    python = rng.random() < 0.35
    path = f"tasks/{rng.choice(('', 'more/'))}t{number}.sql"
    if python:
        path = f"tasks/py{rng.randrange(3)}.py"
    policy = "" if kind == "view" else rng.choice(_POLICIES)
    task = Task(number, f"t{number}", kind, policy, path, Select((), ()), rng.randrange(10**6))
    maker = QueryMaker(rng, project, task)
    return replace(project, tasks=(*project.tasks, replace(task, query=maker.query())), next_number=number + 1)


def _source(rng: random.Random, index: int) -> Source:
    names = ["k", *rng.sample(sorted(set(_NAMED) - {"k"}), rng.randint(1, 4)), f"x{index}"]
    types = _NAMED | {f"x{index}": rng.choice(("BIGINT", "VARCHAR", "INTEGER"))}
    csv, glob = rng.random() < 0.3, rng.random() < 0.35
    if csv:
        names = [n for n in names if n != "m"]
        types = {n: "BIGINT" if FAMILIES[t] == "int" else t for n, t in types.items()}
    columns = tuple(Column(n, types[n]) for n in names)
    suffix = "csv" if csv else "parquet"
    name = f"s{index}"
    paths = [f"data/{name}/p{i}.{suffix}" for i in range(rng.randint(1, 3))] if glob else [f"data/{name}.{suffix}"]
    files = tuple((path, new_rows(rng, columns, csv, rng.randint(0, 12))) for path in paths)
    return Source(name, columns, files, glob)


def low_day(number: int, n_days: int) -> str:
    """A bound that leaves out the first `n_days` days of data, and that no other task has."""
    return str(FIRST_DAY + datetime.timedelta(days=n_days * DAYS_APART - number))


def new_rows(rng: random.Random, columns: Sequence[Column], csv: bool, n: int) -> tuple[Row, ...]:
    """Rows with nulls and duplicates; a CSV file starts with a row that shows the types."""
    rows = [tuple(new_value(rng, c.type, nulls=True, csv=csv) for c in columns) for _ in range(n)]
    rows += [rng.choice(rows) for _ in range(n // 4)]
    if csv:
        rows.insert(0, tuple(new_value(rng, c.type, nulls=False, csv=csv) for c in columns))
    return tuple(rows)


def new_value(rng: random.Random, type_: str, *, nulls: bool, csv: bool) -> Value:
    """One value of a type; texts in CSV are never null, since an empty text is not told from it."""
    family = FAMILIES[type_]
    if nulls and rng.random() < 0.15 and not (csv and family == "text"):
        return None
    match family:
        case "int":
            return rng.randrange(8) * 1000
        case "text":
            return rng.choice(TEXTS)
        case "date":
            return str(FIRST_DAY + datetime.timedelta(days=rng.randrange(9) * DAYS_APART))
        case "bool":
            return rng.random() < 0.5
        case "dec":
            return Decimal(rng.randrange(40) * 25) / 100


@dataclass(frozen=True, slots=True)
class _Pool:
    """The columns that a SELECT can use."""

    columns: tuple[tuple[Ref, Family], ...]

    def of(self, *families: Family, slot: int | None = None) -> list[Ref]:
        return [r for r, f in self.columns if f in families and slot in {None, r.slot}]


class QueryMaker:
    """Makes queries for one task over what stands before it in the project."""

    def __init__(self, rng: random.Random, project: Project, task: Task) -> None:
        self.rng, self.task, self.project = rng, task, project
        self.meanings = Meanings(project)
        position = next((i for i, t in enumerate(project.tasks) if t.name == task.name), len(project.tasks))
        before = [t.name for t in project.tasks[:position]]
        views = [n for n in before if (t := project.task(n)) is not None and not t.is_stored]
        self.datasets = [*(s.name for s in project.sources), *before, *before[-4:], *views]
        self.stored = [n for n in self.datasets if (t := project.task(n)) is None or t.is_stored]
        self._fresh = 0

    def query(self) -> Query:
        """A query of any form."""
        weights = _SHAPES if self.task.is_stored else _SHAPES | _VIEW_SHAPES
        shapes = {s: w for s, w in weights.items() if not self.task.is_python or s in _PYTHON_SHAPES}
        if self.task.is_python and self.task.is_stored:
            shapes["udf"] = 2
        if not self.task.is_stored:
            # Of a window that nobody reads the engine's planner may read the partition all the same.
            del shapes["window"]
        shape = self.rng.choices(list(shapes), list(shapes.values()))[0]
        query = self.union() if shape == "union" else self.select(shape)
        return query if query is not None else self._plain(shape="plain")

    def select(self, shape: str) -> Select | None:
        """One SELECT of a form; `None` where the inputs do not allow it."""
        match shape:
            case "join":
                return self._joined()
            case "scalar":
                return self._scalar()
            case "star":
                select = self._plain(shape)
                return replace(select, outputs=())
            case "literal":
                return replace(self._plain("plain"), outputs=(self.output(Number(self.number())),))
            case _:
                return self._plain(shape)

    def _plain(self, shape: str) -> Select:
        name = self.rng.choice(self.datasets)
        pool = self.pool((name,))
        select = Select((name,), (), where=self.predicates(pool))
        return self._filled(select, pool, shape)

    def _filled(self, select: Select, pool: _Pool, shape: str) -> Select:
        rng = self.rng
        match shape:
            case "grouped":
                keys = self.distinct_outputs([r for r, _ in rng.sample(pool.columns, min(len(pool.columns), 2))])
                found = (*keys, *(self.output(self.aggregate(pool)) for _ in range(rng.randint(1, 2))))
                group = "keys" if self.task.is_python else rng.choice(("keys", "all"))
                having = rng.choice((None, None, 1)) if group == "keys" else None
                return replace(select, outputs=found, group=group, having=having)
            case "whole":
                return replace(select, outputs=tuple(self.output(self.aggregate(pool)) for _ in range(2)))
            case "window":
                return replace(select, outputs=(*self.scalars(pool, 2), self.output(self.window(pool))))
            case "udf" if pool.of("int"):
                udf = Udf(rng.choice(pool.of("int")), rng.randint(2, 9))
                return replace(select, outputs=(*self.scalars(pool, 1), self.output(udf)))
            case "distinct":
                return replace(select, outputs=self.scalars(pool, rng.randint(1, 2)), distinct=True)
            case "limit":
                return replace(select, outputs=self.scalars(pool, 2), limit=rng.randint(1, 5))
            case _:
                return replace(select, outputs=self.scalars(pool, rng.randint(1, 4)))

    def _joined(self) -> Select | None:
        rng = self.rng
        kinds = ["inner", "left", "semi", "anti"]
        kinds += [] if self.task.is_python else ["in", "exists", "not exists", "using", "natural"]
        kind = rng.choice(kinds)
        names = self.stored if kind == "natural" else self.datasets
        left, right = rng.choice(names), rng.choice(names)
        pool = self.pool((left, right))
        shared = {r.column for r, _ in pool.columns if r.slot == 0} & {r.column for r, _ in pool.columns if r.slot}
        if left == right and (self.task.is_python or kind in {"using", "natural"}):
            return None
        if kind in {"using", "natural"}:
            return self._shared_join((left, right), kind, shared, pool)
        pairs = [(a, b) for a, f in pool.columns for b, g in pool.columns if not a.slot and b.slot and f == g]
        if not pairs:
            return None
        a, b = rng.choice(pairs)
        return self._over(left, right, Join(kind, a.column, b.column), pool)

    def _shared_join(self, names: tuple[str, str], kind: str, shared: set[str], pool: _Pool) -> Select | None:
        if not shared or (kind == "natural" and not self.task.is_stored):
            return None
        key = self.rng.choice(sorted(shared))
        join = Join(kind, key, key)
        # `*` over USING gives a name that both have twice, unless it is the key.
        if kind == "natural" or (shared == {key} and self.rng.random() < 0.5):
            return Select(names, (), join)
        return self._over(*names, join, pool)

    def _over(self, left: str, right: str, join: Join, pool: _Pool) -> Select:
        outer = _Pool(tuple((r, f) for r, f in pool.columns if r.slot == 0))
        visible = pool if join.kind in {"inner", "left", "using"} else outer
        shape = "plain" if self.task.is_python else self.rng.choice(("plain", "plain", "grouped", "distinct"))
        return self._filled(Select((left, right), (), join, self.predicates(outer)), visible, shape)

    def _scalar(self) -> Select | None:
        left, right = self.rng.choice(self.datasets), self.rng.choice(self.stored)
        pool = self.pool((left, right))
        outer = _Pool(tuple((r, f) for r, f in pool.columns if r.slot == 0))
        numbers = pool.of("int", slot=1)
        if left == right or not numbers:
            return None
        outputs = (*self.scalars(outer, 2), self.output(Scalar(self.rng.choice(numbers))))
        return Select((left, right), outputs, Join("scalar", "", ""), self.predicates(outer))

    def union(self) -> Union | None:
        """Two SELECTs with columns of the same types."""
        left, right = self.rng.choice(self.datasets), self.rng.choice(self.datasets)
        pools = self.pool((left,)), self.pool((right,))
        common = [f for f in self.union_families() if pools[0].of(f) and pools[1].of(f)]
        if not common:
            return None
        chosen = [self.rng.choice(common) for _ in range(self.rng.randint(1, 3))]
        names = [self.name() for _ in chosen]
        sides = []
        for name, pool in zip((left, right), pools, strict=True):
            outputs = tuple(Output(n, self.rng.choice(pool.of(f))) for n, f in zip(names, chosen, strict=True))
            sides.append(Select((name,), outputs, where=self.predicates(pool)))
        return Union(sides[0], sides[1], self.rng.random() < 0.5)

    def union_families(self) -> tuple[Family, ...]:
        """What a union may hold: Ibis wants the very same types, and whole numbers come in two."""
        return ("text", "date") if self.task.is_python else ("int", "text", "date")

    def pool(self, names: tuple[str, ...]) -> _Pool:
        """The columns of some inputs."""
        return _Pool(tuple((Ref(i, n), f) for i, name in enumerate(names) for n, f in self.meanings.shape(name)))

    def predicates(self, pool: _Pool) -> tuple[Predicate, ...]:
        """A few predicates; a view has at least one that no other task can have."""
        own = [self.predicate(pool) for _ in range(self.rng.choice((0, 1, 1, 2)))]
        if not self.task.is_stored:
            numbers = pool.of("int")
            own = [p for p in own if not isinstance(p, IsNull)]
            if numbers and not any(isinstance(p, Compare) for p in own):
                own.append(self.compare(self.rng.choice(numbers)))
        unique = {repr(p): p for p in own}
        return tuple(unique.values())

    def predicate(self, pool: _Pool) -> Predicate:
        """One predicate."""
        rng, number = self.rng, self.task.number
        ref, family = rng.choice(pool.columns)
        match family:
            case "int":
                return self.compare(ref)
            case "text" if rng.random() < 0.6:
                return InList(ref, (*rng.sample(TEXTS, rng.randint(2, 4)), f"z{number}"))
            case "date":
                high = datetime.date(2030, 1, 1) + datetime.timedelta(days=number)
                return Between(ref, low_day(number, rng.randrange(4)), str(high))
            case _:
                return IsNull(ref, rng.random() < 0.7)

    def compare(self, ref: Ref) -> Compare:
        """A comparison with a number of the task's own."""
        place = self.rng.choice(("inline", "module", "helper", "function")) if self.task.is_python else "inline"
        op, low = self.rng.choice((("<", 4), (">", 0), ("<=", 4), (">=", 0), ("<>", 0)))
        return Compare(ref, op, (low + self.rng.randrange(4)) * 1000 + self.task.number, place)

    def number(self) -> int:
        """A number of the task's own."""
        return self.rng.randrange(9) * 1000 + self.task.number

    def name(self) -> str:
        """A name that no other column of the project has; numbers are the task's own."""
        self._fresh += 1
        return f"c{self.task.number}_{self.rng.randrange(10**6)}_{self._fresh}"

    def output(self, expression: Expression) -> Output:
        """A computed output."""
        return Output(self.name(), expression)

    def distinct_outputs(self, chosen: Sequence[Ref]) -> tuple[Output, ...]:
        """Columns as they are, under their own names where these are free."""
        found: dict[str, Output] = {}
        for ref in chosen:
            name = ref.column if ref.column not in found else self.name()
            found[name] = Output(name, ref)
        return tuple(found.values())

    def scalars(self, pool: _Pool, n: int) -> tuple[Output, ...]:
        """Some columns and some computed ones; at least one."""
        plain = self.distinct_outputs([r for r, _ in self.rng.sample(pool.columns, min(n, len(pool.columns)))])
        computed = [self.output(e) for _ in range(self.rng.choice((0, 0, 1))) if (e := self.computed(pool)) is not None]
        return (*plain, *computed)

    def computed(self, pool: _Pool) -> Expression | None:
        """An expression over one column; `None` where no column serves."""
        numbers, texts = pool.of("int"), pool.of("text")
        made: list[Expression] = []
        if numbers:
            ref = self.rng.choice(numbers)
            made += [Plus(ref, self.number() + 1000), Coalesce(ref, self.number())]
            made.append(Case(replace(self.compare(ref), place="inline"), self.number(), 0))
        if texts:
            made.append(Call(self.rng.choice(("length", "upper")), self.rng.choice(texts)))
        return self.rng.choice(made) if made else None

    def aggregate(self, pool: _Pool) -> Aggregate:
        """An aggregate."""
        functions = ["count", "count_distinct", "min", "max"] + (["sum"] if pool.of("int") else [])
        function = self.rng.choice(functions)
        if function == "sum":
            return Aggregate(function, self.rng.choice(pool.of("int")))
        usable = pool.of("int", "text", "date", "dec")
        if not usable or (function == "count" and self.rng.random() < 0.6):
            return Aggregate("count", None)
        return Aggregate(function, self.rng.choice(usable))

    def window(self, pool: _Pool) -> Window:
        """A window function whose result is determined."""
        refs = [r for r, _ in pool.columns]
        numbers = pool.of("int")
        functions = ["sum", "count"] if self.task.is_python else ["sum", "count", "rank", "row_number"]
        function = self.rng.choice([f for f in functions if f != "sum" or numbers])
        partition = self.rng.choice(refs)
        match function:
            case "sum":
                return Window(function, self.rng.choice(numbers), partition, ())
            case "rank":
                return Window(function, None, partition, (self.rng.choice(refs),))
            case "row_number":
                return Window(function, None, None, tuple(refs))
            case _:
                return Window("count", None, partition, ())
