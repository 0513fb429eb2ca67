"""Which sources of a SELECT dissolve into it, for the canonical form.

A source dissolves when it is a SELECT that does no more than join, filter and compute, reads at least one relation, is
read once, and gives the same values wherever it is evaluated. Its filters then rise to the block around it, so it must
stand first or behind an inner join, with nothing but inner, left, semi and anti joins after it: those keep every row
of their left side apart from the others. A plain choice of a table's columns dissolves wherever it stands, in outer
joins too; anything else does not on a nullable side: a value there would be computed from NULLs instead of being NULL.
"""

from sqlglot import exp

from relspec.core.doubt import USING_MARK
from relspec.core.lineage import Needs
from relspec.core.scopes import Base, Rows, Scopes, Selection, clauses_of

#: How sources are joined when their conditions are filters.
INNER = frozenset({""})

_KEEP_LEFT = frozenset({"", "USING", "LEFT", "LEFT USING", "SEMI", "SEMI USING", "ANTI", "ANTI USING"})
_PLAIN_CLAUSES = frozenset({"with_", "expressions", "from_", "joins", "where"})


def join_kind(join: exp.Join) -> str:
    """Name the kind of a join, "" for an inner one."""
    words = [join.method, join.side, join.kind, "USING" if USING_MARK in join.meta else ""]
    return " ".join(w for w in words if w not in ("", "INNER", "CROSS", "OUTER")).upper()


class Merging:
    """Answers which sources dissolve in one query; each question is worked out once."""

    def __init__(self, scopes: Scopes, needs: Needs) -> None:
        self._scopes = scopes
        self._needs = needs
        self._dissolving: dict[tuple[int, int], bool] = {}

    def dissolves(self, selection: Selection, index: int) -> bool:
        """Whether source number `index` of `selection` is written as part of the block around it."""
        key = id(selection), index
        if key not in self._dissolving:
            self._dissolving[key] = self._dissolves(selection, index)
        return self._dissolving[key]

    def chooses_only(self, selection: Selection) -> bool:
        """Whether `selection` only chooses among the columns of one subquery, which stays a block of its own."""
        if len(selection.sources) != 1 or isinstance(selection.sources[0].relation, (Base, Rows)):
            return False
        if any(v and k not in ("with_", "expressions", "from_") for k, v in selection.node.args.items()):
            return False
        return self._chooses_own_columns(selection) and not self.dissolves(selection, 0)

    def _dissolves(self, selection: Selection, index: int) -> bool:
        source = selection.sources[index]
        inner = source.relation
        if not isinstance(inner, Selection) or self._scopes.readers[id(inner)] != 1 or not self._is_plain(inner):
            return False
        if self._chooses_of_table(inner):
            return True
        if any(join_kind(s.join) not in _KEEP_LEFT for s in selection.sources[index + 1 :] if s.join is not None):
            return False
        if source.join is not None and join_kind(source.join) not in ("", "USING"):
            return False
        return index == 0 or self._is_single(inner)

    def _is_plain(self, inner: Selection) -> bool:
        if not inner.sources or any(v and k not in _PLAIN_CLAUSES for k, v in inner.node.args.items()):
            return False
        uses = [self._scopes.uses(p) for p in inner.projections]
        if any(u.aggregates or u.makes_rows for u in uses):
            return False
        needed = [uses[i] for i in self._needs.of(inner)]
        clauses = [self._scopes.uses(c) for c in clauses_of(inner)]
        return all(u.stable for u in (*needed, *clauses)) and not any(u.windows for u in needed)

    def _is_single(self, inner: Selection) -> bool:
        """Whether `inner` comes down to one source, so that it can follow a join."""
        while len(inner.sources) == 1:
            relation = inner.sources[0].relation
            if not isinstance(relation, Selection) or not self.dissolves(inner, 0):
                return True
            inner = relation
        return False

    def _chooses_of_table(self, inner: Selection) -> bool:
        return (
            len(inner.sources) == 1
            and isinstance(inner.sources[0].relation, Base)
            and inner.node.args.get("where") is None
            and self._chooses_own_columns(inner)
        )

    def _chooses_own_columns(self, selection: Selection) -> bool:
        columns = [selection.projections[i].unalias() for i in self._needs.of(selection)]
        return all(
            isinstance(c, exp.Column) and c.table and self._scopes.resolve(selection, c).selection is selection
            for c in columns
        )
