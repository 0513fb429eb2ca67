"""A generated project as plain values: sources with their rows, tasks with their queries, and how each is written.

A query here is what it means; `style` seeds how it is spelled. Nothing in this package that decides what a query
needs or what it is equal to uses the product's analysis.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Value = int | str | bool | Decimal | None
Row = tuple[Value, ...]
Family = Literal["int", "text", "date", "bool", "dec"]

#: DuckDB's types of source columns, by family.
FAMILIES: dict[str, Family] = {
    "INTEGER": "int",
    "BIGINT": "int",
    "VARCHAR": "text",
    "DATE": "date",
    "BOOLEAN": "bool",
    "DECIMAL(9,2)": "dec",
}


@dataclass(frozen=True, slots=True)
class Ref:
    """A column of the query's input number `slot`."""

    slot: int
    column: str


@dataclass(frozen=True, slots=True)
class Compare:
    """`ref op value`; `place` says where Python tasks keep the value: in the text, a module constant or a helper."""

    ref: Ref
    op: str
    value: Value
    place: str = "inline"


@dataclass(frozen=True, slots=True)
class Between:
    """`ref` between two values, both included."""

    ref: Ref
    low: Value
    high: Value


@dataclass(frozen=True, slots=True)
class InList:
    """`ref in (values)`."""

    ref: Ref
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """`ref is null`, or not."""

    ref: Ref
    negated: bool


Predicate = Compare | Between | InList | IsNull


@dataclass(frozen=True, slots=True)
class Plus:
    """A number added to a whole number."""

    ref: Ref
    number: int


@dataclass(frozen=True, slots=True)
class Coalesce:
    """The column, or a number where it is null."""

    ref: Ref
    number: int


@dataclass(frozen=True, slots=True)
class Case:
    """Two numbers, by a predicate."""

    when: Compare
    yes: int
    no: int


@dataclass(frozen=True, slots=True)
class Call:
    """`length` or `upper` of a text."""

    function: str
    ref: Ref


@dataclass(frozen=True, slots=True)
class Udf:
    """A Python function: `ref * factor + 1`, null for null."""

    ref: Ref
    factor: int


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`count` (of rows without a column), `count_distinct`, `sum`, `min` or `max`."""

    function: str
    ref: Ref | None


@dataclass(frozen=True, slots=True)
class Window:
    """`sum`, `count`, `rank` or `row_number` over a partition; the order is total for `row_number`."""

    function: str
    ref: Ref | None
    partition: Ref | None
    order: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Scalar:
    """The greatest value of a column of another dataset, as a subquery; its input is a slot of its own."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class Number:
    """A literal."""

    value: int


Expression = Ref | Plus | Coalesce | Case | Call | Udf | Aggregate | Window | Scalar | Number


@dataclass(frozen=True, slots=True)
class Output:
    """A named output column."""

    name: str
    expression: Expression


@dataclass(frozen=True, slots=True)
class Join:
    """How slot 1 comes in: `inner`, `left`, `semi`, `anti`, `in`, `exists`, `not exists`, `using`, `natural`.

    `scalar` has no keys: slot 1 is only read by `Scalar` outputs.
    """

    kind: str
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Select:
    """One SELECT. `outputs` is empty for `select *`; `group` is `keys`, `all` or empty."""

    inputs: tuple[str, ...]
    outputs: tuple[Output, ...]
    join: Join | None = None
    where: tuple[Predicate, ...] = ()
    group: str = ""
    having: int | None = None
    distinct: bool = False
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Union:
    """Two SELECTs with the same families of outputs."""

    left: Select
    right: Select
    all: bool


Query = Select | Union


@dataclass(frozen=True, slots=True)
class Task:
    """One task. `number` makes its literals its own; Python tasks share the file `path` with others."""

    number: int
    name: str
    kind: str
    policy: str
    path: str
    query: Query
    style: int
    broken: bool = False

    @property
    def is_python(self) -> bool:
        """Whether it is a Python function."""
        return self.path.endswith(".py")

    @property
    def is_stored(self) -> bool:
        """Whether it has a table of its own."""
        return self.kind != "view"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a source."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Source:
    """A source: files by path with their rows. More than one file, or `glob`, makes it a glob of parts."""

    name: str
    columns: tuple[Column, ...]
    files: tuple[tuple[str, tuple[Row, ...]], ...]
    glob: bool

    @property
    def is_csv(self) -> bool:
        """Whether its files are CSV."""
        return self.files[0][0].endswith(".csv")


@dataclass(frozen=True, slots=True)
class Project:
    """Everything. `helpers` maps helper modules to the style of what no task uses in them."""

    sources: tuple[Source, ...]
    tasks: tuple[Task, ...]
    helpers: tuple[tuple[str, int], ...]
    next_number: int

    def task(self, name: str) -> Task | None:
        """The task named `name`."""
        return next((t for t in self.tasks if t.name == name), None)

    def source(self, name: str) -> Source | None:
        """The source named `name`."""
        return next((s for s in self.sources if s.name == name), None)


def selects(query: Query) -> tuple[Select, ...]:
    """The SELECTs of a query, left to right."""
    return (query.left, query.right) if isinstance(query, Union) else (query,)


def inputs(query: Query) -> tuple[str, ...]:
    """The datasets that a query names, each once."""
    return tuple(dict.fromkeys(name for select in selects(query) for name in select.inputs))


def refs(part: Expression | Predicate) -> tuple[Ref, ...]:
    """The columns that an expression or a predicate is directly made of."""
    match part:
        case Ref():
            return (part,)
        case Case(when=when):
            return (when.ref,)
        case Aggregate(ref=ref):
            return () if ref is None else (ref,)
        case Window(ref=ref, partition=partition, order=order):
            return tuple(r for r in (ref, partition, *order) if r is not None)
        case Number():
            return ()
        case Compare() | Between() | InList() | IsNull() | Plus() | Coalesce() | Call() | Udf() | Scalar():
            return (part.ref,)


def keys_of(select: Select) -> tuple[Output, ...]:
    """The outputs that a grouped SELECT is grouped by."""
    return tuple(o for o in select.outputs if not isinstance(o.expression, Aggregate))


def is_computed_number(expression: Expression) -> bool:
    """Whether an expression is a whole number whose width is for the language to decide."""
    return isinstance(expression, Plus | Coalesce | Case | Udf | Number) or (
        isinstance(expression, Call) and expression.function == "length"
    )
