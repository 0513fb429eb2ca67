"""Whether the value of an expression may be a floating-point number: then the order of a sum matters.

Answers "no" only where that is sure: by the types of stored columns, by casts, and by functions that never give one.
"""

import re
from collections.abc import Mapping

from sqlglot import exp

from relspec.core.scopes import Base, Combination, Recursion, Relation, Rows, Scopes, Selection
from relspec.core.uses import CoarseError

_FLOATING = re.compile(r"\b(DOUBLE|FLOAT[48]?|REAL)\b", re.IGNORECASE)
#: Types whose values may be equal and yet look different: 0.0 and -0.0, 30 days and 1 month.
_AMBIGUOUS = re.compile(r"\b(DOUBLE|FLOAT[48]?|REAL|INTERVAL|TIME WITH TIME ZONE|TIMETZ)\b", re.IGNORECASE)
_NEVER_NODES = (
    *(exp.Predicate, exp.Connector, exp.Not, exp.Boolean, exp.Null, exp.Interval, exp.Count, exp.CountIf),
    *(exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile, exp.ApproxDistinct, exp.LogicalAnd, exp.LogicalOr),
)
_LIKE_THEIR_PARTS = (
    *(exp.Paren, exp.Neg, exp.Alias, exp.Ordered, exp.Add, exp.Sub, exp.Mul, exp.Mod, exp.IntDiv, exp.Coalesce),
    *(exp.Case, exp.If, exp.Greatest, exp.Least, exp.Nullif, exp.Abs, exp.Round, exp.Floor, exp.Ceil, exp.Sum),
    *(exp.Min, exp.Max, exp.First, exp.Last, exp.AnyValue, exp.IgnoreNulls, exp.Order, exp.Distinct, exp.Values),
    *(exp.Tuple, exp.Unnest, exp.Explode, exp.Array, exp.Sign, exp.TableAlias, exp.Identifier, exp.GenerateSeries),
)
_LIKE_THEIR_FIRST = (exp.Filter, exp.Window, exp.ArgMax, exp.ArgMin, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue)
_NEVER = """
    array_length ascii bit_count bit_length cardinality century char_length character_length damerau_levenshtein
    date_diff date_sub datediff datesub day day_of_month day_of_week day_of_year dayofmonth dayofweek dayofyear decade
    editdist3 epoch_ms epoch_ns epoch_us era factorial gcd hamming hash hour instr isodow isoyear json_array_length lcm
    len length levenshtein list_unique millennium microsecond millisecond minute mismatches month nanosecond
    octet_length ord position quarter second str_position strlen strpos timezone_hour timezone_minute unicode week
    week_of_year weekday weekofyear year yearweek
    """
_NEVER_NAMES = frozenset(_NEVER.split())


class Floats:
    """Types as far as they matter here, for the expressions of one query; `types` are those of stored columns."""

    def __init__(self, scopes: Scopes, types: Mapping[str, tuple[str, ...]]) -> None:
        self._scopes = scopes
        self._types = types
        self._seen: dict[tuple[int, int], bool] = {}

    def may_be(self, node: exp.Expr, owner: Selection) -> bool:  # noqa: PLR0911 one line a rule
        """Whether an expression in the scope of `owner` may be a floating-point number."""
        match node:
            case exp.Column():
                return self._column(node, owner)
            case exp.Literal():
                return not node.is_string and "e" in node.name.lower()
            case exp.Cast():
                return _FLOATING.search(node.args["to"].sql("duckdb")) is not None
            case exp.Extract():
                return node.name.lower() in ("epoch", "julian")
            case exp.Select() | exp.SetOperation() | exp.Subquery():
                return self._output(self._scopes.relation(node), 0)
        if isinstance(node, _NEVER_NODES):
            return False
        if isinstance(node, _LIKE_THEIR_PARTS):
            return any(self.may_be(part, owner) for part in node.iter_expressions())
        if isinstance(node, _LIKE_THEIR_FIRST):
            return self.may_be(node.this, owner)
        return not _is_never(node)

    def is_plain(self, column: exp.Column, owner: Selection) -> bool:
        """Whether equal values of a column are the same value; `False` where that is not known."""
        relation, position = self._origin(column, owner)
        if isinstance(relation, Base):
            return _AMBIGUOUS.search(self._types[relation.dataset][position]) is None
        return not self._output(relation, position)

    def _origin(self, column: exp.Column, owner: Selection) -> tuple[Relation, int]:
        """Follow a column through subqueries that hand it on."""
        while True:
            place = self._scopes.resolve(owner, column)
            relation, position = place.source.relation, place.position
            if not isinstance(relation, Selection):
                return relation, position
            projection = relation.projections[position].unalias()
            if not isinstance(projection, exp.Column):
                return relation, position
            owner, column = relation, projection

    def _column(self, column: exp.Column, owner: Selection) -> bool:
        if not column.table:
            return True
        place = self._scopes.resolve(owner, column)
        return self._output(place.source.relation, place.position)

    def _output(self, relation: Relation, position: int) -> bool:
        key = (id(relation), position)
        if key not in self._seen:
            # A recursive CTE is what its other branch makes of it.
            self._seen[key] = False
            self._seen[key] = self._fresh(relation, position)
        return self._seen[key]

    def _fresh(self, relation: Relation, position: int) -> bool:
        match relation:
            case Base(dataset=dataset):
                return _FLOATING.search(self._types[dataset][position]) is not None
            case Selection():
                return self.may_be(relation.projections[position].unalias(), relation)
            case Combination():
                return self._output(relation.left, position) or self._output(relation.right, position)
            case Recursion(body=body):
                assert body is not None
                return self._output(body, position)
            case Rows(node=node, reader=reader):
                try:
                    return reader is None or self.may_be(node, reader)
                except CoarseError:
                    return True


def _is_never(node: exp.Expr) -> bool:
    if isinstance(node, exp.Anonymous):
        return node.name.lower() in _NEVER_NAMES
    names = type(node).sql_names() if isinstance(node, exp.Func) else []
    return any(name.lower() in _NEVER_NAMES for name in names)
