"""What a query needs and what it means, read off its shape: the slow and obvious counterpart of the product's analysis.

`meaning` gives a nested tuple that is equal for two queries exactly when an edit between them must run nothing by
itself, and the required columns of every stored dataset. A view dissolves into what reads it: only what is needed of
it counts. Names of columns inside views leave no trace, since a reference to one is replaced by what it stands for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.campaign.shape import (
    FAMILIES,
    Aggregate,
    Call,
    Expression,
    Family,
    Output,
    Predicate,
    Project,
    Query,
    Ref,
    Scalar,
    Select,
    keys_of,
    refs,
    selects,
)


class BrokenError(Exception):
    """The query does not hold against its inputs as they are."""


Form = tuple[object, ...]
Shape = tuple[tuple[str, Family], ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A query's identity, and the columns that it needs of each stored dataset.

    It is `doubtful` where the engine may compute columns that nobody asked for, which are required then.
    """

    form: Form
    required: Mapping[str, frozenset[str]]
    doubtful: bool


@dataclass
class _Needs:
    """What is gathered of a query on the way through the views that it reads; as in `Meaning`."""

    required: dict[str, set[str]] = field(default_factory=dict)
    doubtful: bool = False


@dataclass
class Meanings:
    """Answers for one version of a project."""

    project: Project
    _shapes: dict[str, Shape] = field(default_factory=dict)

    def shape(self, dataset: str) -> Shape:
        """The columns of a dataset with their families; raises BrokenError where they cannot be told."""
        if dataset not in self._shapes:
            self._shapes[dataset] = self._shape(dataset)
        return self._shapes[dataset]

    def _shape(self, dataset: str) -> Shape:
        source, task = self.project.source(dataset), self.project.task(dataset)
        if source is not None:
            return tuple((c.name, FAMILIES[c.type]) for c in source.columns)
        if task is None:
            raise BrokenError(f"there is no {dataset}")
        found = [self._outputs(select) for select in selects(task.query)]
        if len(found) > 1 and [f for _, f in found[0]] != [f for _, f in found[1]]:
            raise BrokenError("the sides of the union do not fit")
        return found[0]

    def _outputs(self, select: Select) -> Shape:
        families = {(i, n): f for i, dataset in enumerate(select.inputs) for n, f in self.shape(dataset)}
        for ref in _all_refs(select):
            if (ref.slot, ref.column) not in families:
                raise BrokenError(f"{select.inputs[ref.slot]} has no {ref.column}")
        found = tuple((o.name, _family(o.expression, families)) for o in self.expanded(select))
        if len({name for name, _ in found}) < len(found):
            raise BrokenError("two outputs have one name")
        if select.join is not None and select.join.kind == "natural" and not _shared(self, select):
            raise BrokenError("the sides of a natural join share no column")
        return found

    def expanded(self, select: Select) -> tuple[Output, ...]:
        """The outputs with `*` written out."""
        if select.outputs:
            return select.outputs
        left = [Output(n, Ref(0, n)) for n, _ in self.shape(select.inputs[0])]
        if select.join is None or select.join.kind not in {"using", "natural"}:
            return tuple(left)
        shared = _shared(self, select) if select.join.kind == "natural" else {select.join.left}
        return (*left, *(Output(n, Ref(1, n)) for n, _ in self.shape(select.inputs[1]) if n not in shared))

    def of(self, query: Query) -> Meaning:
        """The meaning of a task's query, all of whose outputs count."""
        needs = _Needs()
        form, outputs = self._query(query, None, needs)
        required = {name: frozenset(columns) for name, columns in needs.required.items()}
        return Meaning((form, outputs), required, needs.doubtful)

    def _query(self, query: Query, needed: set[int] | None, needs: _Needs) -> tuple[Form, Form]:
        """The form of the body, and of each needed output by position (`None` elsewhere)."""
        if isinstance(query, Select):
            return self._select(query, needed, needs)
        wanted = needed if query.all else None
        left, left_outputs = self._select(query.left, wanted, needs)
        right, right_outputs = self._select(query.right, wanted, needs)
        pairs = tuple(None if a is None else ("pair", a, b) for a, b in zip(left_outputs, right_outputs, strict=True))
        return ("union", query.all, left, right, _bag(pairs)), pairs

    def _select(self, select: Select, needed: set[int] | None, needs: _Needs) -> tuple[Form, Form]:
        outputs = self.expanded(select)
        everything = set(range(len(outputs)))
        counted = everything if needed is None or select.distinct or select.limit is not None else set(needed)
        if select.group == "all":
            counted |= {i for i in everything if not isinstance(outputs[i].expression, Aggregate)}
        used: list[Expression | Predicate] = [*select.where, *(outputs[i].expression for i in sorted(counted))]
        if select.group:
            used += [o.expression for o in keys_of(select)]
        joined = _join_refs(self, select)
        slots = self._slots(select, [*(r for part in used for r in refs(part)), *joined], needs)
        written = slots.written
        keys = [written(o.expression) for o in keys_of(select)] if select.group else []
        body = (
            "select",
            tuple(slots.bodies),
            None if select.join is None else (select.join.kind, *(slots.ref(r) for r in joined)),
            _bag(written(p) for p in select.where),
            select.group and _bag(keys),
            any(isinstance(o.expression, Aggregate) for o in outputs),
            select.having,
            select.distinct,
            # What a limit leaves hangs on all outputs, which it is ordered by one after the other.
            select.limit and (select.limit, *(written(o.expression) for o in outputs)),
        )
        found = tuple(written(o.expression) if i in counted else None for i, o in enumerate(outputs))
        return (*body, _bag(found)), found

    def _slots(self, select: Select, used: Iterable[Ref], needs: _Needs) -> "_Slots":
        wanted: list[set[str]] = [set() for _ in select.inputs]
        for ref in used:
            wanted[ref.slot].add(ref.column)
        slots = _Slots([], [])
        for i, (dataset, columns) in enumerate(zip(select.inputs, wanted, strict=True)):
            task = self.project.task(dataset)
            if task is None or task.is_stored:
                needs.required.setdefault(dataset, set()).update(columns)
                slots.bodies.append((dataset,))
                slots.columns.append({c: ("column", c) for c in columns})
                continue
            names = [name for name, _ in self.shape(dataset)]
            body, outputs = self._query(task.query, {names.index(c) for c in columns}, needs)
            slots.bodies.append(body)
            slots.columns.append({c: ("inner", outputs[names.index(c)]) for c in columns})
            needs.doubtful |= i == 1 and len(columns) < len(names) and self._is_distinct(select.inputs[0])
        return slots

    def _is_distinct(self, dataset: str) -> bool:
        """Whether a dataset is a view without duplicates.

        Right of a bare DISTINCT DuckDB computes every column of what is joined to it. Whether it stands bare there
        hangs on what the optimizer makes of the rest.
        """
        task = self.project.task(dataset)
        if task is None or task.is_stored:
            return False
        return task.query.distinct if isinstance(task.query, Select) else not task.query.all


@dataclass(frozen=True, slots=True)
class _Slots:
    """The inputs of a SELECT: what each is, and what each of its used columns stands for."""

    bodies: list[Form]
    columns: list[dict[str, Form]]

    def ref(self, ref: Ref) -> Form:
        return (ref.slot, self.columns[ref.slot][ref.column])

    def written(self, part: Expression | Predicate) -> Form:
        """An expression with every reference replaced; where a constant is kept does not count."""
        if isinstance(part, Ref):
            return self.ref(part)
        values = [getattr(part, name) for name in part.__slots__ if name != "place"]
        return (type(part).__name__, *map(self._value, values))

    def _value(self, value: object) -> object:
        if isinstance(value, Ref):
            return self.ref(value)
        if isinstance(value, tuple) and value and isinstance(value[0], Ref):
            return tuple(map(self.ref, value))
        if isinstance(value, tuple):
            return _bag(value)
        return self.written(value) if hasattr(value, "__slots__") and hasattr(value, "ref") else value


def _bag(parts: Iterable[object]) -> Form:
    return tuple(sorted({p for p in parts if p is not None}, key=repr))


def _shared(meanings: Meanings, select: Select) -> set[str]:
    left, right = ({name for name, _ in meanings.shape(dataset)} for dataset in select.inputs)
    return left & right


def _join_refs(meanings: Meanings, select: Select) -> list[Ref]:
    join = select.join
    if join is None or join.kind == "scalar":
        return []
    if join.kind == "natural":
        # Which columns are shared follows from all columns of both sides, in their order.
        return [Ref(i, n) for i, dataset in enumerate(select.inputs) for n, _ in meanings.shape(dataset)]
    return [Ref(0, join.left), Ref(1, join.right)]


def _all_refs(select: Select) -> Iterable[Ref]:
    for part in (*select.where, *(o.expression for o in select.outputs)):
        yield from refs(part)
    if select.join is not None and select.join.kind not in {"scalar", "natural"}:
        yield from (Ref(0, select.join.left), Ref(1, select.join.right))


def _family(expression: Expression, families: Mapping[tuple[int, str], Family]) -> Family:
    match expression:
        case Ref(slot=slot, column=column):
            return families[slot, column]
        case Scalar(ref=ref):
            return families[ref.slot, ref.column]
        case Aggregate(function="min" | "max", ref=Ref(slot=slot, column=column)):
            return families[slot, column]
        case Call(function="upper"):
            return "text"
        case _:
            return "int"
