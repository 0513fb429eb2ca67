"""Spells queries as Python functions that return Ibis tables, with module constants, helpers and UDFs.

Free here are comments, layout, names of local variables, chained against merged filters, an unused `mutate`, and
functions that no task uses.
"""

import random
from collections.abc import Sequence

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
    Ref,
    Scalar,
    Select,
    Task,
    Udf,
    Value,
    Window,
    is_computed_number,
    keys_of,
    selects,
)

_OPERATORS = {"<": "<", ">": ">", "<=": "<=", ">=": ">=", "=": "==", "<>": "!="}


def python_file(path: str, tasks: Sequence[Task], helper: str, meanings: Meanings) -> str:
    """The text of a file of Python tasks."""
    lines = ["import ibis", "from relspec import task", f"import {helper}", ""]
    for task in tasks:
        if task.broken:
            lines.append("this is no Python")
        lines += _constants(task, "module", "")
        lines += [line for factor in _factors(task) for line in _udf(task, factor)]
        lines += _function(task, helper, meanings)
    return "\n".join(lines) + "\n"


def helper_file(style: int, tasks: Sequence[Task]) -> str:
    """The text of a helper module: the constants of the tasks that look for theirs here, and what nobody uses."""
    rng = random.Random(style)
    lines = [f'"""Helps, version {rng.randrange(100)}."""', ""]
    for task in tasks:
        lines += _constants(task, "helper", "")
    lines += [f"def unused_{style % 7}(table):", f"    return table.limit({rng.randrange(9)})"]
    return "\n".join(lines) + "\n"


def _compares(task: Task) -> list[Compare]:
    return [p for s in selects(task.query) for p in s.where if isinstance(p, Compare)]


def _constants(task: Task, place: str, indent: str) -> list[str]:
    """Constants that hold the values of comparisons; in a helper a function compares."""
    lines = []
    for i, compare in enumerate(_compares(task)):
        if compare.place == place:
            lines.append(f"{indent}LIMIT_{task.number}_{i} = {_literal(compare.value)}")
        if place == "helper" and compare.place == "function":
            lines += [
                f"def keep_{task.number}_{i}(column):",
                f"    return column {_OPERATORS[compare.op]} {_literal(compare.value)}",
                "",
            ]
    return lines


def _factors(task: Task) -> list[int]:
    found = [o.expression for s in selects(task.query) for o in s.outputs if isinstance(o.expression, Udf)]
    return sorted({udf.factor for udf in found})


def _udf(task: Task, factor: int) -> list[str]:
    name = f"scaled_{task.number}"
    return ["@ibis.udf.scalar.python", f"def {name}(value: int) -> int:", f"    return value * {factor} + 1", ""]


def _function(task: Task, helper: str, meanings: Meanings) -> list[str]:
    rng = random.Random(task.style)
    options = [f'kind="{task.kind}"'] if task.kind != "materialization" else []
    options += [f'cache_policy="{task.policy}"'] if task.policy else []
    lines = [f"@task({', '.join(options)})" if options else "@task", f"def {task.name}(ctx):"]
    if rng.random() < 0.5:
        lines.append(f"    # Version {task.style}.")
    results = []
    for side, select in enumerate(selects(task.query)):
        body, result = _Body(task, select, side, helper, rng).lines()
        lines += [f"    {line}" for line in body]
        results.append(result)
    if isinstance(task.query, Select):
        return [*lines, f"    return {results[0]}", ""]
    return [*lines, f"    return ibis.union({results[0]}, {results[1]}, distinct={not task.query.all})", ""]


class _Body:
    """One SELECT as statements; `result` is the expression that stands for it."""

    def __init__(self, task: Task, select: Select, side: int, helper: str, rng: random.Random) -> None:
        self.task, self.select, self.helper, self.rng = task, select, helper, rng
        self.names = [f"{rng.choice(('t', 'rows', 'v'))}{side}{i}" for i in range(len(select.inputs))]

    def lines(self) -> tuple[list[str], str]:
        select, main = self.select, self.names[0]
        lines = [f'{name} = ctx.table("{dataset}")' for name, dataset in zip(self.names, select.inputs, strict=True)]
        predicates = [self._predicate(p) for p in select.where]
        if predicates and self.rng.random() < 0.5:
            lines.append(f"{main} = {main}.filter({', '.join(predicates)})")
        else:
            lines += [f"{main} = {main}.filter({p})" for p in predicates]
        if select.outputs and self.rng.random() < 0.3:
            lines.append(f"{main} = {main}.mutate(unused_{self.rng.randrange(9)}={self.rng.randrange(9)})")
        table = main
        if select.join is not None:
            how = select.join.kind
            keys = f"{main}.{select.join.left} == {self.names[1]}.{select.join.right}"
            table = f'{main}.join({self.names[1]}, {keys}, how="{how}")'
        return lines, self._projected(table)

    def _projected(self, table: str) -> str:
        select = self.select
        if not select.outputs:
            return table
        if any(isinstance(o.expression, Aggregate) for o in select.outputs):
            return self._aggregated(table)
        text = f"{table}.select({self._named(select.outputs)})"
        return f"{text}.distinct()" if select.distinct else text

    def _aggregated(self, table: str) -> str:
        keys = keys_of(self.select)
        aggregates = [o for o in self.select.outputs if o not in keys]
        if not keys and self.select.having is None:
            return f"{table}.aggregate({self._named(aggregates)})"
        if not keys:
            counted = f"{table}.aggregate({self._named(aggregates)}, n_all={self.names[0]}.count())"
            return f"{counted}.filter(ibis._.n_all > {self.select.having}).drop('n_all')"
        having = "" if self.select.having is None else f".having({self.names[0]}.count() > {self.select.having})"
        grouped = f"{table}.group_by({self._named(keys)}){having}.aggregate({self._named(aggregates)})"
        # Ibis gives keys first; the outputs may be in another order.
        return f"{grouped}.select({', '.join(repr(o.name) for o in self.select.outputs)})"

    def _named(self, outputs: Sequence[Output]) -> str:
        return ", ".join(f"{o.name}={self._expression(o.expression)}" for o in outputs)

    def _ref(self, ref: Ref) -> str:
        return f"{self.names[ref.slot]}.{ref.column}"

    def _predicate(self, predicate: Predicate) -> str:
        column = self._ref(predicate.ref)
        match predicate:
            case Compare(op=op):
                index = _compares(self.task).index(predicate)
                own = f"{self.task.number}_{index}"
                if predicate.place == "function":
                    return f"{self.helper}.keep_{own}({column})"
                value = {"module": f"LIMIT_{own}", "helper": f"{self.helper}.LIMIT_{own}"}.get(predicate.place)
                return f"{column} {_OPERATORS[op]} {value or _literal(predicate.value)}"
            case Between(low=low, high=high):
                return f"{column}.between({_literal(low)}, {_literal(high)})"
            case InList(values=values):
                return f"{column}.isin([{', '.join(map(_literal, values))}])"
            case IsNull(negated=negated):
                return f"{column}.{'notnull' if negated else 'isnull'}()"

    def _expression(self, expression: Expression) -> str:
        text = self._written(expression)
        # Ibis has its own view of how wide whole numbers become.
        return f"({text}).cast('int64')" if is_computed_number(expression) else text

    def _written(self, expression: Expression) -> str:
        match expression:
            case Ref():
                return self._ref(expression)
            case Plus(ref=ref, number=number):
                return f"{self._ref(ref)} + {number}"
            case Coalesce(ref=ref, number=number):
                return f"{self._ref(ref)}.fill_null({number})"
            case Case(when=when, yes=yes, no=no):
                test = f"{self._ref(when.ref)} {_OPERATORS[when.op]} {_literal(when.value)}"
                return f"ibis.ifelse({test}, {yes}, {no})"
            case Call(function=function, ref=ref):
                return f"{self._ref(ref)}.{function}()"
            case Udf(ref=ref):
                return f"scaled_{self.task.number}({self._ref(ref)}.cast('int64'))"
            case Aggregate(function=function, ref=ref):
                return f"{self.names[0]}.count()" if ref is None else f"{self._ref(ref)}.{_method(function)}()"
            case Window(function=function, ref=ref, partition=partition):
                over = "" if partition is None else f"group_by={self._ref(partition)}"
                head = f"{self.names[0]}.count()" if ref is None else f"{self._ref(ref)}.{function}()"
                return f"{head}.over(ibis.window({over}))"
            case Scalar(ref=ref):
                return f"{self._ref(ref)}.max().as_scalar()"
            case Number(value=value):
                return f"ibis.literal({value})"


def _method(function: str) -> str:
    return "nunique" if function == "count_distinct" else function


def _literal(value: Value) -> str:
    if isinstance(value, str) and value[:2] == "20":
        return f'ibis.date("{value}")'
    return repr(value)
