"""Which sources of a SELECT dissolve into it, for the canonical form.

A source dissolves when it is a SELECT that does no more than join, filter and compute, reads at least one relation, is
read once, and gives the same values wherever it is evaluated. Its filters then rise to the block around it, so it must
stand first or behind an inner join, with nothing but inner, left, semi and anti joins after it: those keep every row
of their left side apart from the others. On the nullable side of a join only a plain choice of a table's columns
dissolves, for a computed value there would be computed from NULLs instead of being NULL.
"""

from sqlglot import exp

from relspec.core.doubt import USING_MARK
from relspec.core.functions import aggregates, has_window, is_stable, makes_rows
from relspec.core.lineage import Needs
from relspec.core.scopes import Base, Rows, Scopes, Selection

#: How sources are joined when their conditions are filters.
INNER = frozenset({""})

_KEEP_LEFT = frozenset({"", "USING", "LEFT", "LEFT USING", "SEMI", "SEMI USING", "ANTI", "ANTI USING"})
_PLAIN_CLAUSES = frozenset({"with_", "expressions", "from_", "joins", "where"})


def join_kind(join: exp.Join) -> str:
    """Name the kind of a join, "" for an inner one."""
    words = [join.method, join.side, join.kind, "USING" if USING_MARK in join.meta else ""]
    return " ".join(w for w in words if w not in ("", "INNER", "CROSS", "OUTER")).upper()


def dissolves(scopes: Scopes, needs: Needs, selection: Selection, index: int) -> bool:
    """Whether source number `index` of `selection` is written as part of the block around it."""
    source = selection.sources[index]
    inner = source.relation
    if not isinstance(inner, Selection) or scopes.readers[id(inner)] != 1 or not _is_plain(needs, inner):
        return False
    kind = "" if source.join is None else join_kind(source.join)
    if any(join_kind(s.join) not in _KEEP_LEFT for s in selection.sources[index + 1 :] if s.join is not None):
        return False
    if kind not in ("", "USING"):
        return _chooses_of_table(scopes, needs, inner)
    return index == 0 or _is_single(scopes, needs, inner)


def _is_plain(needs: Needs, inner: Selection) -> bool:
    if not inner.sources or any(v and k not in _PLAIN_CLAUSES for k, v in inner.node.args.items()):
        return False
    if any(aggregates(p) or makes_rows(p) for p in inner.projections):
        return False
    used = [inner.projections[i] for i in needs.of(inner)]
    decisive = [inner.node.args.get("where"), *(s.join.args.get("on") for s in inner.sources if s.join is not None)]
    stable = all(is_stable(n) for e in (*used, *decisive) if e is not None for n in e.walk())
    return stable and not any(has_window(p) for p in used)


def _is_single(scopes: Scopes, needs: Needs, inner: Selection) -> bool:
    """Whether `inner` comes down to one source, so that it can follow a join."""
    while len(inner.sources) == 1:
        relation = inner.sources[0].relation
        if not isinstance(relation, Selection) or not dissolves(scopes, needs, inner, 0):
            return True
        inner = relation
    return False


def _chooses_of_table(scopes: Scopes, needs: Needs, inner: Selection) -> bool:
    return (
        len(inner.sources) == 1
        and isinstance(inner.sources[0].relation, Base)
        and inner.node.args.get("where") is None
        and _chooses_own_columns(scopes, needs, inner)
    )


def chooses_only(scopes: Scopes, needs: Needs, selection: Selection) -> bool:
    """Whether `selection` only chooses among the columns of one subquery, which stays a block of its own."""
    if len(selection.sources) != 1 or isinstance(selection.sources[0].relation, (Base, Rows)):
        return False
    if any(v and k not in ("with_", "expressions", "from_") for k, v in selection.node.args.items()):
        return False
    return _chooses_own_columns(scopes, needs, selection) and not dissolves(scopes, needs, selection, 0)


def _chooses_own_columns(scopes: Scopes, needs: Needs, selection: Selection) -> bool:
    columns = [selection.projections[i].unalias() for i in needs.of(selection)]
    return all(
        isinstance(c, exp.Column) and c.table and scopes.resolve(selection, c).selection is selection for c in columns
    )
