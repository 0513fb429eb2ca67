"""Whether the order of rows can show in what a query gives, as a bag: only where it cannot may inner joins commute.

Order shows in a limit, in DISTINCT ON, in ordered windows, in `first`, `list` or a sum of doubles; and in which of
several equal values is kept, where equal values look different: 0.0 and -0.0, an interval of 30 days and one of a
month, texts under a collation. So aggregates are taken from a short list, and what is grouped, deduplicated, summed or
compared must be *exact*: built of stored columns of exact types by operators that stay in these. Anything else shows.
Never done here: saying which results are not determined by their inputs; a limit with a total order shows order too.
"""

from collections.abc import Iterable, Mapping

from sqlglot import exp

from relspec.core.functions import is_stable
from relspec.core.schema import Schema
from relspec.core.scopes import Base, Combination, Relation, Scopes, Selection
from relspec.core.uses import CoarseError

# Not UHUGEINT, which beside a signed integer makes a DOUBLE; nor `//` below, which does so beside a DECIMAL.
_EXACT = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
    | {"DECIMAL", "BOOLEAN", "VARCHAR", "DATE", "TIMESTAMP", "UUID"}
)
_EXACT_CASTS = frozenset(
    {exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT, exp.DType.INT128, exp.DType.DECIMAL}
    | {exp.DType.BOOLEAN, exp.DType.TEXT, exp.DType.VARCHAR, exp.DType.DATE, exp.DType.TIMESTAMPNTZ}
)
_COUNTS = (exp.Count, exp.CountIf, exp.LogicalAnd, exp.LogicalOr)
_OF_EXACT = (exp.Min, exp.Max, exp.Sum)
_STAYS_EXACT = (
    *(exp.Paren, exp.Tuple, exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Mod, exp.Abs),
    *(exp.Upper, exp.Lower, exp.Trim, exp.Length, exp.DPipe, exp.Concat, exp.Year, exp.Month, exp.Day),
    *(exp.Coalesce, exp.Case, exp.If, exp.And, exp.Or, exp.Not, exp.In, exp.Between, exp.Is, exp.Like),
    *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE),
)
_CONSTANTS = (exp.Boolean, exp.Null)
_SHOWS = (exp.Limit, exp.Fetch, exp.Offset, exp.Collate)
_MAY_SHOW = (*_SHOWS, exp.Join, exp.With, exp.Window, exp.Func)


def order_shows(scopes: Scopes, tree: exp.Expr, schemas: Mapping[str, Schema]) -> bool:
    """Whether the order in which rows come may change the bag of rows that `tree` gives."""
    if any(isinstance(node, _SHOWS) or _is_odd(node) for node in tree.find_all(*_MAY_SHOW)):
        return True
    return _Exactness(scopes, schemas).is_missing(tree)


def _is_odd(node: exp.Expr) -> bool:
    if isinstance(node, exp.Join):
        return bool(node.method)
    if isinstance(node, exp.With):
        return bool(node.args.get("recursive"))
    if isinstance(node, exp.Window):
        # Without an order all rows of a partition get one value.
        ordered = any(node.args.get(part) for part in ("order", "spec", "alias", "first"))
        return ordered or not isinstance(node.this, (*_COUNTS, *_OF_EXACT))
    if isinstance(node, exp.AggFunc):
        return not isinstance(node, (*_COUNTS, *_OF_EXACT))
    return isinstance(node, exp.Func) and not is_stable(node)


class _Exactness:
    """Answers whether all that must be exact in one query is."""

    def __init__(self, scopes: Scopes, schemas: Mapping[str, Schema]) -> None:
        self._scopes = scopes
        self._types = {name: tuple(c.type.partition("(")[0] for c in schemas[name].columns) for name in scopes.bases}

    def is_missing(self, tree: exp.Expr) -> bool:
        """Whether something decisive is not shown to be exact."""
        try:
            return any(not self._is_exact(s, e) for s in self._scopes.selections for e in self._decisive(s)) or any(
                node.args.get("distinct") or not isinstance(node, exp.Union) for node in tree.find_all(exp.SetOperation)
            )
        except CoarseError:
            return True

    def _decisive(self, selection: Selection) -> Iterable[exp.Expr]:
        node = selection.node
        distinct = node.args.get("distinct")
        if distinct is not None:
            # DISTINCT ON keeps the first row of each group: nothing stands for that.
            yield from [distinct] if distinct.args.get("on") is not None else selection.projections
        group = node.args.get("group")
        if group is not None:
            yield from (v for v in group.iter_expressions())
            yield from selection.projections if group.args.get("all") else ()
        for part in (*selection.projections, *(node.args.get(clause) for clause in ("having", "qualify", "order"))):
            # Subqueries are among the selections themselves, and their names mean something else here.
            for inner in self._scopes.uses(part).calls if part is not None else ():
                if isinstance(inner, _OF_EXACT):
                    yield inner.this
                elif isinstance(inner, exp.Window):
                    yield from inner.args.get("partition_by") or ()

    def _is_exact(self, selection: Selection, node: exp.Expr) -> bool:
        match node:
            case exp.Column():
                return self._is_exact_column(selection, node)
            case exp.Literal():
                # Longer numbers may be DOUBLE.
                return node.is_string or (node.is_int and len(node.this) <= 18)
            case exp.Cast() if node.to.this not in _EXACT_CASTS:
                return False
            case exp.Alias() | exp.Cast():
                return self._is_exact(selection, node.this)
            case _ if isinstance(node, (*_STAYS_EXACT, *_OF_EXACT)):
                return all(self._is_exact(selection, part) for part in node.iter_expressions())
            case _:
                return isinstance(node, (exp.Count, *_CONSTANTS))

    def _is_exact_column(self, selection: Selection, column: exp.Column) -> bool:
        place = self._scopes.resolve(selection, column)
        return self._is_exact_output(place.source.relation, place.position)

    def _is_exact_output(self, relation: Relation, position: int) -> bool:
        match relation:
            case Base():
                return self._types[relation.dataset][position] in _EXACT
            case Selection():
                return self._is_exact(relation, relation.projections[position])
            case Combination():
                # What is exact on both sides has an exact type that holds both.
                return all(self._is_exact_output(side, position) for side in (relation.left, relation.right))
            case _:
                return False
