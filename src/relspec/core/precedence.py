"""Where two parsers may read operators without parentheses differently.

sqlglot and DuckDB disagree on the precedence of some pairs: `a + b % c`, `a = b IS NULL`, and more. All pairs were
compared by letting DuckDB parse each text and sqlglot's parenthesised reading of it. The pairs below agree; any other
operator that stands directly under an operator is doubtful, and the canonical form keeps that it stood there bare.
"""

from sqlglot import exp

_OPERATORS = (exp.Binary, exp.Unary, exp.Between, exp.In)
_NO_OPERATORS = (exp.Paren, exp.Dot, exp.PropertyEQ, exp.Kwarg, exp.Alias)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg)
_VALUES = (*_ARITHMETIC, exp.Mod, exp.IntDiv, exp.DPipe)
_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
_PREDICATES = (*_COMPARISONS, exp.Between, exp.In, exp.Is, exp.Like, exp.ILike, exp.NullSafeEQ, exp.NullSafeNEQ)
_LOGIC = (exp.And, exp.Or, exp.Not)


def is_doubtful(node: exp.Expr) -> bool:
    """Whether `node` is an operator bare under another one, and nobody has shown that both parsers agree there."""
    parent = node.parent
    if not _is_operator(node) or not _is_operator(parent):
        return False
    if isinstance(parent, _LOGIC):
        return not isinstance(node, (*_LOGIC, *_PREDICATES, *_VALUES))
    if isinstance(parent, (*_COMPARISONS, exp.Between, exp.In, exp.Like, exp.ILike)):
        return not isinstance(node, _VALUES)
    if isinstance(parent, _ARITHMETIC):
        return not isinstance(node, _ARITHMETIC)
    return True


def _is_operator(node: exp.Expr | None) -> bool:
    return isinstance(node, _OPERATORS) and not isinstance(node, _NO_OPERATORS)
