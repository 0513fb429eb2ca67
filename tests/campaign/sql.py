"""Spells queries as SQL. All spellings of one query mean the same; `style` only seeds the choice among them.

What may differ is what `edits.md` promises to be free: layout, comments, case of keywords, aliases, parentheses, the
order of predicates and of IN lists, turned comparisons, BETWEEN, `1+1`, a subquery or CTE around the first input, and
filters that stand inside of it.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.campaign.meaning import Meanings
from tests.campaign.shape import (
    Aggregate,
    Between,
    Call,
    Case,
    Coalesce,
    Compare,
    Expression,
    InList,
    IsNull,
    Number,
    Output,
    Plus,
    Predicate,
    Query,
    Ref,
    Scalar,
    Select,
    Task,
    Udf,
    Value,
    Window,
    is_computed_number,
    keys_of,
    refs,
    selects,
)

_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "<>": "<>"}
_SUBQUERY_JOINS = {"in", "exists", "not exists", "scalar"}


def sql_file(task: Task, meanings: Meanings) -> str:
    """The text of a SQL task."""
    rng = random.Random(task.style)
    head = [] if task.kind == "materialization" else [f"-- relspec: kind={task.kind}"]
    if task.policy:
        head.append(f"-- relspec: cache_policy={task.policy}")
    lines = rng.choice(([], [f"-- {task.style}"], ["", f"-- text {task.style}"]))
    return "\n".join([*head, *lines, query_sql(task.query, meanings, rng), ""])


def query_sql(query: Query, meanings: Meanings, rng: random.Random, *, wide: bool = False) -> str:
    """The query in one of its spellings; `wide` makes computed numbers BIGINT, as Python tasks do."""
    texts = [_Spelling(select, meanings, rng, wide).text() for select in selects(query)]
    if isinstance(query, Select):
        return texts[0]
    # A CTE in front of one side of a set operation needs parentheses.
    left, right = (f"({t})" if t.lower().startswith("with") else t for t in texts)
    return f"{left}\nunion {'all ' if query.all else ''}{right}"


def literal(value: Value) -> str:
    """A value as SQL; dates are texts of their form."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"date '{value}'" if value[:2] == "20" else f"'{value}'"
    return str(value)


@dataclass
class _Spelling:
    select: Select
    meanings: Meanings
    rng: random.Random
    wide: bool
    names: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        select, rng = self.select, self.rng
        self.names = [rng.choice((name, f"t{i}", f"q{rng.randrange(9)}_{i}")) for i, name in enumerate(select.inputs)]
        if select.join is not None and select.join.kind == "natural":
            # Of a natural join nothing is proved, so no more than its layout is free.
            self.names = list(select.inputs)
        if len(self.names) > 1 and self.names[0] == self.names[1]:
            self.names[1] += "_b"
        where = list(select.where)
        rng.shuffle(where)
        inside = [p for p in where if not refs(p)[0].slot and rng.random() < 0.4]
        # What stands around a view is not always seen to be nothing: that a table's is, is promised.
        free = bool(select.outputs) and self._is_table(select.inputs[0])
        wrap = rng.choice(("none", "none", "subquery", "cte")) if free else "none"
        wrapped = None if wrap == "none" else self._wrapped(inside)
        if wrapped is None:
            wrap, inside = "none", []
        outside = [self.predicate(p) for p in where if p not in inside] + self._join_predicate()
        first = self._aliased(select.inputs[0], self.names[0])
        cte = ""
        if wrap == "subquery":
            first = f"({wrapped}) {self._as()}{self.names[0]}"
        elif wrap == "cte":
            name = f"c{rng.randrange(9)}"
            cte = f"with {name} as ({wrapped}) "
            first = self._aliased(name, self.names[0])
        parts = [f"select {'distinct ' if select.distinct else ''}{self._outputs()}", f"from {first}{self._join()}"]
        if outside:
            parts.append("where " + " and ".join(rng.choice((p, f"({p})")) for p in outside))
        return cte + rng.choice((" ", "\n", "\n  ")).join([*parts, *self._tail()])

    def _tail(self) -> list[str]:
        select = self.select
        parts = []
        if select.group == "all":
            parts.append("group by all")
        elif select.group and keys_of(select):
            # In one order whatever the style, for it shows below a window with an order.
            keys = sorted((o.expression for o in keys_of(select)), key=repr)
            parts.append("group by " + ", ".join(map(self.expression, keys)))
        if select.having is not None:
            parts.append(f"having count(*) > {select.having}")
        if select.limit is not None:
            names = ", ".join(o.name for o in self.meanings.expanded(select))
            parts.append(f"order by {names} limit {select.limit}")
        return parts

    def _as(self) -> str:
        return self.rng.choice(("", "as ", "AS "))

    def _aliased(self, dataset: str, name: str) -> str:
        return dataset if dataset == name else f"{dataset} {self._as()}{name}"

    def _wrapped(self, inside: Sequence[Predicate]) -> str | None:
        """The first input as a subquery that gives what is used of it, under other names now and then."""
        used = sorted({r.column for r in self._used() if r.slot == 0})
        if not used or (self.select.join is not None and self.select.join.kind in {"using", "natural"}):
            return None
        name = self.names[0]
        self.names[0] = "s"
        filters = [self.predicate(p) for p in inside]
        self.names[0] = name
        if self.rng.random() < 0.5:
            self.renamed = {column: f"r{i}_{column}" for i, column in enumerate(used)}
        columns = ", ".join(f"s.{c} as {self.renamed[c]}" if c in self.renamed else f"s.{c}" for c in used)
        where = f" where {' and '.join(filters)}" if filters else ""
        return f"select {columns} from {self.select.inputs[0]} s{where}"

    def _used(self) -> list[Ref]:
        select = self.select
        found = [r for part in (*select.where, *(o.expression for o in select.outputs)) for r in refs(part)]
        if select.join is not None and select.join.left:
            found.append(Ref(0, select.join.left))
        return found

    def _join(self) -> str:
        join = self.select.join
        if join is None or join.kind in _SUBQUERY_JOINS:
            return ""
        other = self._aliased(self.select.inputs[1], self.names[1])
        if join.kind == "natural":
            return f" natural join {other}"
        if join.kind == "using":
            return f" join {other} using ({join.left})"
        words = {"inner": self.rng.choice(("join", "inner join", "JOIN"))}.get(join.kind, f"{join.kind} join")
        sides = [self.ref(Ref(0, join.left)), self.ref(Ref(1, join.right))]
        self.rng.shuffle(sides)
        return f" {words} {other} on {sides[0]} = {sides[1]}"

    def _join_predicate(self) -> list[str]:
        join = self.select.join
        if join is None or join.kind not in _SUBQUERY_JOINS - {"scalar"}:
            return []
        other = self._aliased(self.select.inputs[1], self.names[1])
        left, right = self.ref(Ref(0, join.left)), self.ref(Ref(1, join.right))
        if join.kind == "in":
            return [f"{left} in (select {right} from {other})"]
        return [f"{join.kind} (select 1 from {other} where {right} = {left})"]

    def _outputs(self) -> str:
        select = self.select
        if not select.outputs:
            return "*"
        return ", ".join(self._output(o) for o in select.outputs)

    def _output(self, output: Output) -> str:
        text = self.expression(output.expression)
        bare = isinstance(output.expression, Ref) and text.rpartition(".")[2] == output.name
        return text if bare and self.rng.random() < 0.5 else f"{text} as {output.name}"

    def ref(self, ref: Ref) -> str:
        """A column as it is called here."""
        join = self.select.join
        if join is not None and join.kind == "using" and ref.column == join.left:
            return ref.column
        column = self.renamed.get(ref.column, ref.column) if ref.slot == 0 else ref.column
        if len(self.select.inputs) == 1 and self.names[0] != "s" and self.rng.random() < 0.5:
            return column
        return f"{self.names[ref.slot]}.{column}"

    def predicate(self, predicate: Predicate) -> str:
        """One predicate in one of its spellings."""
        renamed, rng = self.renamed, self.rng
        if self.names[0] == "s":
            self.renamed = {}
        column = self.ref(predicate.ref)
        self.renamed = renamed
        match predicate:
            case Compare(ref=ref, op=op, value=value):
                text = self._number(value, self._foldable(ref))
                return rng.choice((f"{column} {op} {text}", f"{text} {_TURNED[op]} {column}"))
            case Between(low=low, high=high):
                a, b = literal(low), literal(high)
                return rng.choice((f"{column} between {a} and {b}", f"{column} >= {a} and {column} <= {b}"))
            case InList(values=values):
                shuffled = rng.sample(values, len(values))
                return f"{column} in ({', '.join(map(literal, shuffled))})"
            case IsNull(negated=negated):
                return f"{column} is {'not ' if negated else ''}null"

    def _is_table(self, dataset: str) -> bool:
        task = self.meanings.project.task(dataset)
        return task is None or task.is_stored

    def _foldable(self, ref: Ref) -> bool:
        source = self.meanings.project.source(self.select.inputs[ref.slot])
        return source is not None

    def _number(self, value: Value, foldable: bool) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and value > 1 and foldable:
            return self.rng.choice((str(value), f"({value - 1}+1)", f"({value})"))
        return literal(value)

    def expression(self, expression: Expression) -> str:
        """An expression; `count(*)` and the like have one spelling."""
        text = self._written(expression)
        return f"({text})::bigint" if self.wide and is_computed_number(expression) else text

    def _written(self, expression: Expression) -> str:
        match expression:
            case Ref():
                return self.ref(expression)
            case Plus(ref=ref, number=number):
                return f"{self.ref(ref)} + {number}"
            case Coalesce(ref=ref, number=number):
                return f"coalesce({self.ref(ref)}, {number})"
            case Case(when=when, yes=yes, no=no):
                test = f"{self.ref(when.ref)} {when.op} {literal(when.value)}"
                return f"case when {test} then {yes} else {no} end"
            case Call(function=function, ref=ref):
                return f"{function}({self.ref(ref)})"
            case Udf(ref=ref, factor=factor):
                return f"{self.ref(ref)} * {factor} + 1"
            case Aggregate(function=function, ref=ref):
                return _aggregate(function, ref, self.ref)
            case Window():
                return self._window(expression)
            case Scalar(ref=ref):
                other = self._aliased(self.select.inputs[ref.slot], self.names[ref.slot])
                return f"(select max({self.ref(ref)}) from {other})"
            case Number(value=value):
                return str(value)

    def _window(self, window: Window) -> str:
        over = "" if window.partition is None else f"partition by {self.ref(window.partition)}"
        if window.order:
            over += f" order by {', '.join(map(self.ref, window.order))}"
        head = (
            f"{window.function}()" if window.ref is None else _aggregate(window.function, window.ref, self.ref, cast="")
        )
        cast = "::bigint" if window.function == "sum" else ""
        return f"{head.replace('count()', 'count(*)')} over ({over.strip()}){cast}"


def _aggregate(function: str, ref: Ref | None, write: Callable[[Ref], str], cast: str = "::bigint") -> str:
    if ref is None:
        return "count(*)"
    if function == "count_distinct":
        return f"count(distinct {write(ref)})"
    return f"{function}({write(ref)})" + (cast if function == "sum" else "")
