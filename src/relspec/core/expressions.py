"""Turn one expression of a qualified tree into a term.

Knows the shape of expressions and nothing of relations: what a column stands for and what a subquery is comes from
the two functions that `Expressions` is given. A node without a rule of its own becomes its class and its parts, so an
unknown construct is written out in full and equals only itself.
"""

from collections.abc import Callable
from enum import Enum

from sqlglot import exp

from relspec.core.functions import is_stable
from relspec.core.scopes import Combination, Selection
from relspec.core.terms import Term, arithmetic, between, comparison, connected, membership, negated, number
from relspec.core.uses import QUERIES, CoarseError

#: The query in whose scope an expression stands; `None` where it can name no column.
Owner = Selection | Combination | None

_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul)
_WIDE = (exp.Count, exp.Sum, exp.Avg, exp.RowNumber, exp.Rank, exp.DenseRank)


class Expressions:
    """Writes expressions, given what columns and subqueries are: functions of node, owner and depth."""

    def __init__(
        self, columns: Callable[[exp.Column, Owner, int], Term], queries: Callable[[exp.Expr, int], Term]
    ) -> None:
        self._columns = columns
        self._queries = queries

    def term(self, node: exp.Expr, owner: Owner, depth: int) -> Term:  # noqa: PLR0911 one line a rule
        """Write an expression that stands in a block at `depth`."""
        match node:
            case exp.Paren():
                return self.term(node.this, owner, depth)
            case exp.Column():
                return self._columns(node, owner, depth)
            case exp.And() | exp.Or():
                return connected(type(node).__name__, self._sides(node, owner, depth))
            case exp.Between() if not node.args.get("symmetric"):
                bounds = (node.this, node.args["low"], node.args["high"])
                return between(*(self.term(part, owner, depth) for part in bounds))
            case exp.In(expressions=[_, *_]) if not any(isinstance(e, QUERIES) for e in node.expressions):
                options = [self.term(e, owner, depth) for e in node.expressions]
                return membership(self.term(node.this, owner, depth), options)
            case exp.Exists() if isinstance(node.this, QUERIES):
                return self._exists(node.this, depth)
            case exp.Literal():
                return Term("string", (node.name,)) if node.is_string else number(node.name)
            case exp.Neg():
                return negated(self.term(node.this, owner, depth))
            case _:
                return self._other(node, owner, depth)

    def _other(self, node: exp.Expr, owner: Owner, depth: int) -> Term:
        if isinstance(node, _COMPARISONS) and not _quantified(node):
            return comparison(type(node).__name__, *self._sides(node, owner, depth))
        if isinstance(node, _ARITHMETIC):
            return arithmetic(type(node).__name__, *self._sides(node, owner, depth))
        if isinstance(node, QUERIES):
            return self._queries(node, depth)
        if isinstance(node, exp.Identifier):
            return Term("name", (node.name,))
        return self.parts(node, owner, depth)

    def _sides(self, node: exp.Expr, owner: Owner, depth: int) -> tuple[Term, Term]:
        return self.term(node.this, owner, depth), self.term(node.args["expression"], owner, depth)

    def _exists(self, query: exp.Expr, depth: int) -> Term:
        # Which columns a row has does not matter to whether there is one: the body of the query is enough.
        written = self._queries(query, depth)
        body = written.parts[0]
        assert isinstance(body, Term)
        return Term("exists", (body,))

    def parts(self, node: exp.Expr, owner: Owner, depth: int, leave_out: frozenset[str] = frozenset()) -> Term:
        """Write a node as its class and its arguments by name."""
        parts: list[Term | str] = []
        for key in sorted(node.args):
            value = node.args[key]
            if key not in leave_out and value is not None and value is not False and value != []:
                parts += [key, self._argument(node, value, owner, depth)]
        typed = node.this if isinstance(node, exp.Window) else node
        type_ = "WIDE" if isinstance(typed, _WIDE) else ""
        return Term(type(node).__name__, parts, is_stable(node), type_)

    def _argument(self, node: exp.Expr, value: object, owner: Owner, depth: int) -> Term:
        if isinstance(value, exp.Expr):
            return self.term(value, owner, depth)
        if isinstance(value, list):
            return Term("list", [self._argument(node, item, owner, depth) for item in value])
        if isinstance(value, Enum):
            return Term("is", (value.name,))
        if isinstance(value, bool):
            return Term("is", (str(value),))
        if isinstance(value, (str, int)):
            folds = isinstance(node, (exp.Anonymous, exp.Var))
            return Term("text", (str(value).lower() if folds else str(value),))
        raise CoarseError(f"{type(node).__name__.upper()} is not understood")


def _quantified(node: exp.Expr) -> bool:
    return isinstance(node.args["expression"], (exp.Any, exp.All)) or isinstance(node.this, (exp.Any, exp.All))
