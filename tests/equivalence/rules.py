"""Rewriting rules that keep a query's result: each is a small function from a parsed query to another, or `None`.

A rule gets a copy that it may change. What it claims is checked by execution for every pair that it makes.
"""

from collections.abc import Callable

from sqlglot import exp
from tests.equivalence.shapes import (
    STORED,
    aggregates,
    alias_of,
    all_of,
    from_items,
    inner_selects,
    is_stored,
    may_gain,
    replaced,
)

Rule = Callable[[exp.Expr], exp.Expr | None]

_TURNED = {exp.LT: exp.GT, exp.GT: exp.LT, exp.LTE: exp.GTE, exp.GTE: exp.LTE, exp.EQ: exp.EQ, exp.NEQ: exp.NEQ}
_COMPARISONS = tuple(_TURNED)


def parenthesised(tree: exp.Expr) -> exp.Expr | None:
    """Put every operand of a comparison or connective into parentheses."""
    places = [n for n in tree.find_all(exp.Connector, *_COMPARISONS, exp.Between) if not isinstance(n, exp.Paren)]
    for node in places:
        for key in ("this", "expression"):
            part = node.args.get(key)
            if isinstance(part, exp.Expr) and not isinstance(part, (exp.Paren, exp.Subquery, exp.Any, exp.Tuple)):
                node.set(key, exp.Paren(this=part))
    return tree if places else None


def turned_comparisons(tree: exp.Expr) -> exp.Expr | None:
    """Write `b > a` for `a < b`, and swap the sides of `=` and `<>`."""
    return replaced(tree, _COMPARISONS, lambda n: _TURNED[type(n)](this=n.args["expression"], expression=n.this))


def reversed_and(tree: exp.Expr) -> exp.Expr | None:
    """Swap the sides of every AND."""
    return replaced(tree, (exp.And,), lambda n: exp.And(this=n.args["expression"], expression=n.this))


def reversed_or(tree: exp.Expr) -> exp.Expr | None:
    """Swap the sides of every OR."""
    return replaced(tree, (exp.Or,), lambda n: exp.Or(this=n.args["expression"], expression=n.this))


def between_as_comparisons(tree: exp.Expr) -> exp.Expr | None:
    """Write BETWEEN as two comparisons."""
    return replaced(tree, (exp.Between,), _two_comparisons)


def _two_comparisons(node: exp.Expr) -> exp.Expr:
    low = exp.GTE(this=node.this, expression=node.args["low"])
    return exp.Paren(this=exp.And(this=low, expression=exp.LTE(this=node.this.copy(), expression=node.args["high"])))


def reversed_lists(tree: exp.Expr) -> exp.Expr | None:
    """Reverse the lists after IN, and repeat their first item."""
    places = [n for n in tree.find_all(exp.In) if n.expressions]
    for node in places:
        node.set("expressions", [*reversed(node.expressions), node.expressions[0].copy()])
    return tree if places else None


def renamed_tables(tree: exp.Expr) -> exp.Expr | None:
    """Give every alias of a table or subquery another name, and every CTE too."""
    names = {a.name for a in tree.find_all(exp.TableAlias) if a.this is not None}
    return _renamed(tree, lambda name: f"{name}_renamed" if name in names else name) if names else None


def renamed_inner_columns(tree: exp.Expr) -> exp.Expr | None:
    """Rename the outputs of inner queries; an unnamed output of the whole query keeps its name."""
    _name_outputs(tree)
    found = any(i.name.startswith("in_") for i in tree.find_all(exp.Identifier))
    return (
        _renamed(tree, lambda name: name.replace("in_", "other_", 1) if name.startswith("in_") else name)
        if found
        else None
    )


def _name_outputs(tree: exp.Expr) -> None:
    if isinstance(tree, exp.Select):
        for projection in list(tree.expressions):
            if isinstance(projection, exp.Column) and projection.name.startswith("in_"):
                projection.replace(exp.alias_(projection.copy(), projection.name))


def _renamed(tree: exp.Expr, name: Callable[[str], str]) -> exp.Expr:
    outputs = (
        {id(e.args["alias"]) for e in tree.expressions if isinstance(e, exp.Alias)}
        if isinstance(tree, exp.Select)
        else set()
    )
    for identifier in list(tree.find_all(exp.Identifier)):
        if id(identifier) not in outputs:
            identifier.set("this", name(identifier.name))
    return tree


def subqueries_as_ctes(tree: exp.Expr) -> exp.Expr | None:
    """Move every subquery in FROM that stands in the outermost SELECT into a CTE."""
    moved = []
    for holder in from_items(tree):
        item = holder.this
        if isinstance(item, exp.Subquery) and item.alias and not item.alias_column_names:
            moved.append(exp.CTE(this=item.this, alias=exp.TableAlias(this=exp.to_identifier(item.alias))))
            holder.set("this", exp.to_table(item.alias))
    if not moved:
        return None
    with_ = tree.args.get("with_")
    tree.set("with_", exp.With(expressions=[*(with_.expressions if with_ else ()), *moved]))
    return tree


def ctes_as_subqueries(tree: exp.Expr) -> exp.Expr | None:
    """Put every CTE that is read once in its place."""
    with_ = tree.args.get("with_")
    if with_ is None or with_.args.get("recursive"):
        return None
    done = False
    for cte in reversed(list(with_.expressions)):
        readers = [t for t in tree.find_all(exp.Table) if t.name == cte.alias and not t.db]
        if len(readers) == 1:
            alias = exp.TableAlias(this=exp.to_identifier(readers[0].alias or cte.alias))
            readers[0].replace(exp.Subquery(this=cte.this.copy(), alias=alias))
            cte.pop()
            done = True
    if not with_.expressions:
        tree.set("with_", None)
    return tree if done else None


def whole_in_a_subquery(tree: exp.Expr) -> exp.Expr | None:
    """Wrap the whole query: `select * from (...)`."""
    if isinstance(tree, exp.Query) and tree.args.get("limit") is None:
        return exp.select("*").from_(exp.Subquery(this=tree, alias=exp.TableAlias(this=exp.to_identifier("whole"))))
    return None


def whole_in_a_cte(tree: exp.Expr) -> exp.Expr | None:
    """Make the whole query a CTE that is read once, with its own CTEs inside."""
    if tree.args.get("with_") is not None and tree.args["with_"].args.get("recursive"):
        return None
    outer = exp.select("*").from_("whole")
    outer.set(
        "with_", exp.With(expressions=[exp.CTE(this=tree, alias=exp.TableAlias(this=exp.to_identifier("whole")))])
    )
    return outer


def tables_in_subqueries(tree: exp.Expr) -> exp.Expr | None:
    """Write `(select * from t) as t` for each stored table."""
    return replaced(tree, (exp.Table,), lambda n: exp.Subquery(this=all_of(n.name), alias=alias_of(n)), is_stored)


def tables_in_ctes(tree: exp.Expr) -> exp.Expr | None:
    """Read each stored table through a CTE that chooses its columns, one CTE for each reader."""
    if tree.args.get("with_") is not None and tree.args["with_"].args.get("recursive"):
        return None
    added = []
    for table in [t for t in tree.find_all(exp.Table) if is_stored(t)]:
        name = f"read_{len(added)}"
        columns = ", ".join(STORED[table.name])
        body = exp.maybe_parse(f"select {columns} from {table.name}", dialect="duckdb")
        added.append(exp.CTE(this=body, alias=exp.TableAlias(this=exp.to_identifier(name))))
        table.replace(exp.Table(this=exp.to_identifier(name), alias=alias_of(table)))
    with_ = tree.args.get("with_")
    tree.set("with_", exp.With(expressions=[*added, *(with_.expressions if with_ else ())]))
    return tree


def spelled_out_tables(tree: exp.Expr) -> exp.Expr | None:
    """Write the schema before each stored table, and capitals in its name."""
    for table in [t for t in tree.find_all(exp.Table) if is_stored(t)]:
        table.set("db", exp.to_identifier("main"))
        table.set("this", exp.to_identifier(table.name.upper(), quoted=True))
    return tree


def expanded_stars(tree: exp.Expr) -> exp.Expr | None:
    """Write out the columns of a star over one stored table."""
    places = [
        s
        for s in tree.find_all(exp.Select)
        if s.is_star and is_stored(s.args["from_"].this) and not s.args.get("joins")
    ]
    for select in places:
        select.set("expressions", [exp.column(c) for c in STORED[select.args["from_"].this.name]])
    return tree if places else None


def chained_filters(tree: exp.Expr) -> exp.Expr | None:
    """Apply all but the last condition of WHERE in a subquery, where the SELECT reads one table."""
    select = tree.find(exp.Select)
    where = select.args.get("where") if select is not None else None
    if select is None or where is None or not isinstance(where.this, exp.And) or select.args.get("joins"):
        return None
    table = select.args["from_"].this
    if not is_stored(table):
        return None
    first, last = where.this.this, where.this.args["expression"]
    inner = exp.select("*").from_(table.copy()).where(first)
    table.replace(exp.Subquery(this=inner, alias=alias_of(table)))
    where.set("this", last)
    return tree


def conditions_in_where(tree: exp.Expr) -> exp.Expr | None:
    """Write inner joins with commas, their conditions in WHERE."""
    done = False
    for select in list(tree.find_all(exp.Select)):
        joins = select.args.get("joins") or []
        if joins and all(not j.side and not j.kind and not j.method and j.args.get("on") is not None for j in joins):
            for join in joins:
                select.where(join.args["on"], copy=False)
                join.set("on", None)
            done = True
    return tree if done else None


def noise_words(tree: exp.Expr) -> exp.Expr | None:
    """Write INNER and OUTER where they change nothing."""
    places = [
        j for j in tree.find_all(exp.Join) if not j.kind and not j.method and (j.side or j.args.get("on") is not None)
    ]
    for join in places:
        join.set("kind", "OUTER" if join.side else "INNER")
    return tree if places else None


def swapped_inner_join(tree: exp.Expr) -> exp.Expr | None:
    """Swap the two sides of an only, inner join, where the sides can be told apart."""
    select = tree.find(exp.Select)
    joins = select.args.get("joins") if select is not None else None
    if select is None or not joins or len(joins) != 1 or select.is_star or not _is_inner(joins[0]):
        return None
    from_ = select.args["from_"]
    left, right = from_.this, joins[0].this
    recursive = any(with_.recursive for with_ in tree.find_all(exp.With))
    if isinstance(right, (exp.Lateral, exp.Unnest)) or left.name == right.name or recursive:
        return None
    from_.set("this", right.copy())
    joins[0].set("this", left.copy())
    return tree


def _is_inner(join: exp.Join) -> bool:
    return not join.side and join.kind in ("", "INNER") and not join.method and join.args.get("on") is not None


def unused_projections(tree: exp.Expr) -> exp.Expr | None:
    """Add outputs that nobody reads to inner queries where that changes nothing."""
    places = [s for s in inner_selects(tree) if may_gain(s)]
    for select in places:
        computed = exp.maybe_parse("1 + 1" if aggregates(select) else "upper('unused')", dialect="duckdb")
        select.append("expressions", exp.alias_(computed, "unused"))
    return tree if places else None


def reversed_inner_columns(tree: exp.Expr) -> exp.Expr | None:
    """Reverse the outputs of inner queries."""
    places = [
        s for s in inner_selects(tree) if not s.is_star and len(s.expressions) > 1 and s.args.get("distinct") is None
    ]
    for select in places:
        select.set("expressions", list(reversed(select.expressions)))
    return tree if places else None


def unused_cte(tree: exp.Expr) -> exp.Expr | None:
    """Add a CTE that nobody reads, over a table that the query reads anyway."""
    table = next((t.name for t in tree.find_all(exp.Table) if is_stored(t)), None)
    if table is None:
        return None
    cte = exp.CTE(this=exp.select("id").from_(table), alias=exp.TableAlias(this=exp.to_identifier("nobody")))
    with_ = tree.args.get("with_")
    if with_ is None:
        tree.set("with_", exp.With(expressions=[cte]))
    else:
        with_.append("expressions", cte)
    return tree


def unfolded_numbers(tree: exp.Expr) -> exp.Expr | None:
    """Write `(n - 1) + 1` for an integer that is compared with a column."""
    # The types of what a recursion or a set operation gives are not known to the form.
    if any(isinstance(n, exp.SetOperation) and n is not tree for n in tree.walk()):
        return None
    places = [
        n
        for n in tree.find_all(exp.Literal)
        if n.is_int and isinstance(n.parent, _COMPARISONS) and isinstance(n.parent.this, exp.Column)
    ]
    for node in places:
        node.replace(
            exp.Paren(this=exp.Add(this=exp.Literal.number(int(node.name) - 1), expression=exp.Literal.number(1)))
        )
    return tree if places else None


def folded_numbers(tree: exp.Expr) -> exp.Expr | None:
    """Compute sums of integer literals."""

    def total(node: exp.Expr) -> exp.Expr:
        return exp.Literal.number(int(node.this.name) + int(node.args["expression"].name))

    def literals(node: exp.Expr) -> bool:
        return all(isinstance(n, exp.Literal) and n.is_int for n in (node.this, node.args["expression"]))

    return replaced(tree, (exp.Add,), total, literals)


def keys_by_position(tree: exp.Expr) -> exp.Expr | None:
    """Name the keys of GROUP BY and ORDER BY by position where they are outputs."""
    select = tree if isinstance(tree, exp.Select) else None
    if select is None:
        return None
    outputs = [e.unalias().sql() for e in select.expressions]
    done = False
    for clause in (select.args.get("group"), select.args.get("order")):
        for key in list(clause.expressions) if clause is not None else ():
            place = key.this if isinstance(key, exp.Ordered) else key
            if place.sql() in outputs:
                place.replace(exp.Literal.number(outputs.index(place.sql()) + 1))
                done = True
    return tree if done else None


def reversed_group_keys(tree: exp.Expr) -> exp.Expr | None:
    """Reverse the keys of plain GROUP BY clauses."""
    places = [g for g in tree.find_all(exp.Group) if len(g.expressions) > 1]
    for group in places:
        group.set("expressions", list(reversed(group.expressions)))
    return tree if places else None


def qualified_columns(tree: exp.Expr) -> exp.Expr | None:
    """Write the table before each column of a SELECT that reads one table."""
    select = tree if isinstance(tree, exp.Select) else None
    if select is None or select.args.get("joins") or len(list(tree.find_all(exp.Select))) > 1:
        return None
    outputs = {e.alias for e in select.expressions if isinstance(e, exp.Alias)}
    places = [c for c in tree.find_all(exp.Column) if not c.table and c.name not in outputs | {"x"} and not c.is_star]
    for column in places:
        column.set("table", exp.to_identifier(select.args["from_"].this.alias))
    return tree if places else None


def unqualified_columns(tree: exp.Expr) -> exp.Expr | None:
    """Leave out the table before each column of a SELECT that reads one table."""
    if len(list(tree.find_all(exp.Select))) > 1 or tree.args.get("joins"):
        return None
    places = [c for c in tree.find_all(exp.Column) if c.table]
    for column in places:
        # What sqlglot has read as schema.table.column is table.column.field.
        if column.db:
            column.set("table", column.args["table"])
        column.set("db" if column.db else "table", None)
    return tree if places else None


#: Rules by name.
RULES: dict[str, Rule] = {
    "parentheses": parenthesised,
    "comparisons turned": turned_comparisons,
    "and reversed": reversed_and,
    "or reversed": reversed_or,
    "between as comparisons": between_as_comparisons,
    "list reversed": reversed_lists,
    "tables renamed": renamed_tables,
    "inner columns renamed": renamed_inner_columns,
    "subquery as cte": subqueries_as_ctes,
    "cte as subquery": ctes_as_subqueries,
    "whole in a subquery": whole_in_a_subquery,
    "whole in a cte": whole_in_a_cte,
    "tables in subqueries": tables_in_subqueries,
    "tables in ctes": tables_in_ctes,
    "tables spelled out": spelled_out_tables,
    "star expanded": expanded_stars,
    "filters chained": chained_filters,
    "conditions in where": conditions_in_where,
    "noise words": noise_words,
    "inner join swapped": swapped_inner_join,
    "unused outputs": unused_projections,
    "inner columns reversed": reversed_inner_columns,
    "unused cte": unused_cte,
    "numbers unfolded": unfolded_numbers,
    "numbers folded": folded_numbers,
    "keys by position": keys_by_position,
    "group keys reversed": reversed_group_keys,
    "columns qualified": qualified_columns,
    "columns unqualified": unqualified_columns,
}
