"""One call of a function in a query: its name, its arguments and order, the window it is over."""

from collections.abc import Iterable, Iterator

import msgspec
from sqlglot import exp

from relspec.core.behaviour import Behaviour
from relspec.core.clauses import bare
from relspec.core.functions import unnests
from relspec.core.scopes import Selection
from relspec.core.uses import QUERIES

_AROUND = (exp.Filter, exp.IgnoreNulls, exp.RespectNulls, exp.WithinGroup)
_NAMES_SHOWN_MAX = 3
_NAME_LENGTH_MAX = 40
#: What the qualified tree calls an output that has no name of its own.
_NAMELESS = "_col_"


class Call(msgspec.Struct, frozen=True):
    """One call of a function that does not behave, in the SELECT `owner`."""

    node: exp.Expr
    behaviour: Behaviour
    owner: Selection

    @property
    def name(self) -> str:
        """The function as it is called."""
        name = self.node.name if isinstance(self.node, exp.Anonymous) else self.node.sql("duckdb").partition("(")[0]
        return f"{name.upper()}()" if self.behaviour is not Behaviour.CLOCK else name.upper()

    @property
    def order(self) -> list[exp.Expr]:
        """The keys of an ORDER BY within the call."""
        orders = (a for a in self.node.iter_expressions() if isinstance(a, exp.Order))
        return [bare(key) for order in orders for key in order.expressions]

    @property
    def arguments(self) -> list[exp.Expr]:
        """The arguments, without DISTINCT and ORDER BY."""
        found: list[exp.Expr] = []
        for argument in self.node.iter_expressions():
            inner = argument.this if isinstance(argument, exp.Order) else argument
            found += inner.expressions if isinstance(inner, exp.Distinct) else [inner]
        return found

    @property
    def outermost(self) -> exp.Expr:
        """The call with FILTER and the like around it."""
        node = self.node
        while isinstance(node.parent, _AROUND) and node.parent.this is node:
            node = node.parent
        return node

    @property
    def window(self) -> exp.Window | None:
        """The window that the call is over; `None` for an aggregate of a group."""
        outer = self.outermost
        return outer.parent if isinstance(outer.parent, exp.Window) and outer.parent.this is outer else None


def nodes_of(expression: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes of an expression without those of its subqueries."""
    pending = [expression]
    while pending:
        node = pending.pop()
        if not isinstance(node, QUERIES):
            yield node
            pending.extend(node.iter_expressions())


def multiplies(outputs: Iterable[exp.Expr]) -> bool:
    """Whether one of these outputs makes several rows of one."""
    return any(unnests(node) for output in outputs for node in nodes_of(output))


def window_parts(window: exp.Window, owner: Selection) -> tuple[list[exp.Expr], list[exp.Expr], exp.Expr | None]:
    """The partition, the order and the frame of a window, with those of the named window that it builds on."""
    name = window.args.get("alias")
    named = (
        w for w in owner.node.args.get("windows") or () if name is not None and w.name.lower() == name.name.lower()
    )
    base = next(named, None)
    partition, order, spec = ([], [], None) if base is None else window_parts(base, owner)
    own = window.args.get("order")
    partition = [*partition, *(window.args.get("partition_by") or ())]
    return partition, [bare(k) for k in own.expressions] if own is not None else order, window.args.get("spec") or spec


def counts_rows(spec: exp.Expr | None) -> bool:
    """Whether a frame is bounded by numbers of rows, rather than by values or not at all."""
    if spec is None or str(spec.args.get("kind")).upper() != "ROWS":
        return False
    ends = [str(spec.args.get(key)).upper() for key in ("start", "end")]
    return ends != ["UNBOUNDED", "UNBOUNDED"]


def names_of(expressions: Iterable[exp.Expr]) -> str:
    """Name what expressions are, as far as a hint has room for it."""
    names = list(dict.fromkeys(_named(e) for e in expressions))
    more = len(names) - _NAMES_SHOWN_MAX
    return ", ".join(names[:_NAMES_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")


def _named(expression: exp.Expr) -> str:
    inner = bare(expression)
    if isinstance(inner, exp.Column):
        return inner.name
    if isinstance(expression, exp.Alias) and not expression.alias.startswith(_NAMELESS):
        return expression.alias
    text = inner.copy()
    for column in text.find_all(exp.Column):
        column.set("table", None)
    shown = text.sql("duckdb", comments=False)
    return shown if len(shown) <= _NAME_LENGTH_MAX else "what it selects"


def function_of(window: exp.Window) -> exp.Expr:
    """The function that a window is for."""
    function = bare(window.this)
    while isinstance(function, _AROUND):
        function = function.this
    return function
