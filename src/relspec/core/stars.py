"""Bring FROM clauses into a shape in which sqlglot expands a star as DuckDB does.

sqlglot lists the sources of a SELECT as tables first, then subqueries, then row generators, whatever their order in
the text; and it hides the right side of a semi or anti join only where that is a table. So a table behind a subquery
is wrapped into a subquery, and a subquery to the right of a semi or anti join becomes a CTE. Both mean the same, and
neither leaves a trace in the canonical form. Works on the tree that is analysed, never on what executes.
"""

from sqlglot import exp

from relspec.core.uses import CoarseError

_GENERATORS = (exp.Unnest, exp.Values, exp.Lateral)


def unfold(tree: exp.Expr) -> None:
    """Give the joins of a FROM-first SELECT to the SELECT; sqlglot's parser leaves them with the first source."""
    for from_ in list(tree.find_all(exp.From)):
        joins = from_.this.args.get("joins")
        if joins and isinstance(from_.parent, exp.Select):
            from_.this.set("joins", None)
            from_.parent.set("joins", [*joins, *(from_.parent.args.get("joins") or [])])


def straighten(tree: exp.Expr) -> None:
    """Rewrite the FROM clauses of all SELECTs in `tree`, in place."""
    for n, select in enumerate(list(tree.find_all(exp.Select))):
        joins = select.args.get("joins") or []
        for join in joins:
            if join.kind in ("SEMI", "ANTI") and isinstance(join.this, exp.Subquery):
                _hoist(select, join, f"relspec_hoisted_{n}_{joins.index(join)}")
        if len(joins) > 0 and any(isinstance(e, exp.Star) for e in select.expressions):
            _order_sources(select)


def _hoist(select: exp.Select, join: exp.Join, name: str) -> None:
    subquery = join.this
    alias = subquery.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name, quoted=True))
    join.set("this", exp.Table(this=exp.to_identifier(name, quoted=True), alias=alias))
    subquery.set("alias", None)
    cte = exp.CTE(this=subquery.this, alias=exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
    with_ = select.args.get("with_")
    if with_ is None:
        select.set("with_", exp.With(expressions=[cte]))
    else:
        with_.append("expressions", cte)


def _order_sources(select: exp.Select) -> None:
    from_ = select.args.get("from_")
    visible = [j for j in select.args["joins"] if j.kind not in ("SEMI", "ANTI")]
    holders = [h for h in (from_, *visible) if h is not None]
    ranks = [_rank(h.this) for h in holders]
    if ranks == sorted(ranks):
        return
    first = ranks.index(1) if 1 in ranks else len(ranks)
    for holder, rank in zip(holders[first:], ranks[first:], strict=True):
        if rank == 0:
            holder.set("this", _wrapped(holder.this))
    ranks = [_rank(h.this) for h in holders]
    if ranks != sorted(ranks):
        raise CoarseError("a star over a row generator that stands before a table")


def _rank(source: exp.Expr) -> int:
    if isinstance(source, _GENERATORS):
        return 2
    return 1 if isinstance(source, exp.Subquery) else 0


def _wrapped(table: exp.Table) -> exp.Subquery:
    alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True))
    table.set("alias", None)
    return exp.Subquery(this=exp.select("*").from_(table.copy()), alias=alias)
