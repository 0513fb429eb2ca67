"""Where two parsers may read operators without parentheses differently.

sqlglot and DuckDB disagree on the precedence of some pairs: `a + b % c`, `a = b IS NULL`, and more. All pairs of
operators were compared, by letting DuckDB parse each text and sqlglot's parenthesised reading of it. The pairs below
agree. Any other operator that stands directly under an operator makes the whole reading doubtful. What a query reads
does not depend on precedence, its canonical form does.
"""

from sqlglot import exp

_OPERATORS = (exp.Binary, exp.Unary, exp.Between, exp.In)
_NO_OPERATORS = (exp.Paren, exp.Dot, exp.PropertyEQ, exp.Kwarg, exp.Alias)
# AND, OR and NOT bind least in both parsers; a power binds most, and may have been written as a function.
_AGREED_WITH_ALL = (exp.And, exp.Or, exp.Not, exp.Pow)
_JSON = (exp.JSONExtract, exp.JSONExtractScalar)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Neg, exp.Pow, *_JSON)
_VALUES = (*_ARITHMETIC, exp.Mod, exp.DPipe)
_PREDICATES = (
    *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ),
    *(exp.In, exp.Is, exp.Like, exp.ILike, exp.RegexpLike, exp.RegexpILike, exp.RegexpFullMatch),
)


def has_doubts(tree: exp.Expr) -> bool:
    """Whether an operator of `tree` is doubtful."""
    return any(_is_doubtful(node) for node in tree.find_all(*_OPERATORS))


def _is_doubtful(node: exp.Expr) -> bool:
    """Whether `node` is an operator bare under another one, and nobody has shown that both parsers agree there."""
    parent = node.parent
    if not _is_operator(node) or not _is_operator(parent) or isinstance(parent, _AGREED_WITH_ALL):
        return False
    if isinstance(parent, (*_PREDICATES, exp.DPipe)):
        return not isinstance(node, _VALUES)
    if isinstance(parent, exp.Between):
        return not isinstance(node, _VALUES) or isinstance(node, _JSON)
    if isinstance(parent, _ARITHMETIC):
        return not isinstance(node, _ARITHMETIC)
    return not isinstance(parent, exp.Mod) or not isinstance(node, (exp.Neg, exp.Pow, *_JSON))


def _is_operator(node: exp.Expr | None) -> bool:
    return isinstance(node, _OPERATORS) and not isinstance(node, _NO_OPERATORS)
