"""Edits of what a query computes, groups, sorts and limits, which may change its result; see `mutations.py`."""

from sqlglot import exp
from tests.equivalence.places import Mutation, first, first_inner, setting

_AGGREGATES = {exp.Sum: exp.Max, exp.Max: exp.Min, exp.Min: exp.Max, exp.ArrayAgg: exp.Max}
_ARITHMETIC = {exp.Add: exp.Sub, exp.Sub: exp.Add, exp.Mul: exp.Add}
_NEIGHBOURS = {
    "id": "qty",
    "qty": "id",
    "customer": "qty",
    "status": "upper",
    "name": "region",
    "region": "name",
    "day": "id",
}


def limit_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out the first LIMIT."""
    return first(tree, (exp.Select,), setting("limit", None), lambda n: n.args.get("limit") is not None)


def limit_added(tree: exp.Expr) -> exp.Expr | None:
    """Keep no row of the first inner query."""
    return first_inner(
        tree,
        lambda s: s.set("limit", exp.Limit(expression=exp.Literal.number(0))),
        lambda s: s.args.get("limit") is None,
    )


def offset_added(tree: exp.Expr) -> exp.Expr | None:
    """Leave out the first row of a LIMIT."""
    return first(
        tree,
        (exp.Select,),
        setting("offset", exp.Offset(expression=exp.Literal.number(1))),
        lambda n: n.args.get("limit") is not None,
    )


def order_turned(tree: exp.Expr) -> exp.Expr | None:
    """Turn the first direction of sorting where a limit, a window or a list depends on it."""
    return first(tree, (exp.Ordered,), lambda n: n.set("desc", not n.args.get("desc")), _matters)


def nulls_moved(tree: exp.Expr) -> exp.Expr | None:
    """Move NULLs to the other end of the first sort that something depends on."""
    return first(tree, (exp.Ordered,), lambda n: n.set("nulls_first", not n.args.get("nulls_first")), _matters)


def key_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out the last key of GROUP BY, and what shows it."""

    def shorten(group: exp.Expr) -> None:
        key = group.expressions[-1]
        group.set("expressions", group.expressions[:-1])
        for shown in [e for e in group.parent.expressions if e.unalias() == key] if group.parent is not None else ():
            shown.replace(exp.alias_(exp.Max(this=key.copy()), shown.alias_or_name))

    return first(tree, (exp.Group,), shorten, lambda n: len(n.expressions) > 1)


def key_added(tree: exp.Expr) -> exp.Expr | None:
    """Group by one more column."""
    return first(
        tree, (exp.Group,), lambda n: n.append("expressions", exp.column("qty")), lambda n: bool(n.expressions)
    )


def rollup_added(tree: exp.Expr) -> exp.Expr | None:
    """Make a plain GROUP BY a ROLLUP."""

    def roll(group: exp.Expr) -> None:
        keys = group.expressions
        group.set("expressions", [])
        group.set("rollup", [exp.Rollup(expressions=keys)])

    return first(tree, (exp.Group,), roll, lambda n: bool(n.expressions))


def having_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out HAVING."""
    return first(tree, (exp.Select,), setting("having", None), lambda n: n.args.get("having") is not None)


def qualify_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out QUALIFY."""
    return first(tree, (exp.Select,), setting("qualify", None), lambda n: n.args.get("qualify") is not None)


def other_aggregate(tree: exp.Expr) -> exp.Expr | None:
    """Make SUM a MAX, MAX a MIN, and so on."""
    return first(
        tree,
        tuple(_AGGREGATES),
        lambda n: _AGGREGATES[type(n)](this=_unordered(n.this)),
        lambda n: not isinstance(n.parent, exp.Window),
    )


def _unordered(node: exp.Expr) -> exp.Expr:
    inner = node.this if isinstance(node, exp.Order) else node
    assert isinstance(inner, exp.Expr)
    return inner


def count_of_column(tree: exp.Expr) -> exp.Expr | None:
    """Count the values of a column instead of rows."""
    return first(tree, (exp.Count,), lambda n: n.set("this", exp.column("day")), lambda n: isinstance(n.this, exp.Star))


def count_of_all(tree: exp.Expr) -> exp.Expr | None:
    """Leave out DISTINCT within COUNT."""
    return first(
        tree, (exp.Count,), lambda n: n.set("this", n.this.expressions[0]), lambda n: isinstance(n.this, exp.Distinct)
    )


def aggregate_unfiltered(tree: exp.Expr) -> exp.Expr | None:
    """Leave out FILTER."""
    return first(tree, (exp.Filter,), lambda n: n.this)


def partition_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out PARTITION BY."""
    return first(tree, (exp.Window,), setting("partition_by", []), lambda n: bool(n.args.get("partition_by")))


def other_rank(tree: exp.Expr) -> exp.Expr | None:
    """Make RANK a DENSE_RANK."""
    return first(tree, (exp.Rank,), lambda _: exp.DenseRank())


def other_column(tree: exp.Expr) -> exp.Expr | None:
    """Read another column in the first place that has a neighbour."""
    return first(tree, (exp.Column,), _neighbour, lambda n: n.name in _NEIGHBOURS)


def last_column_changed(tree: exp.Expr) -> exp.Expr | None:
    """Read another column in the last place that has a neighbour."""
    places = [n for n in tree.find_all(exp.Column) if n.name in _NEIGHBOURS]
    if len(places) < 2:
        return None
    places[-1].replace(_neighbour(places[-1]))
    return tree


def _neighbour(node: exp.Expr) -> exp.Expr:
    new = _NEIGHBOURS[node.name]
    if new == "upper":
        return exp.Upper(this=node.copy())
    column = node.copy()
    column.set("this", exp.to_identifier(new))
    return exp.alias_(column, node.name) if isinstance(node.parent, exp.Select) else column


def outputs_crossed(tree: exp.Expr) -> exp.Expr | None:
    """Give two inner outputs each other's names."""

    def cross(select: exp.Expr) -> None:
        one, two = select.expressions[:2]
        names = one.alias_or_name, two.alias_or_name
        select.set(
            "expressions",
            [exp.alias_(one.unalias(), names[1]), exp.alias_(two.unalias(), names[0]), *select.expressions[2:]],
        )

    return first_inner(tree, cross, lambda s: len(s.expressions) > 1 and not s.is_star)


def operator_changed(tree: exp.Expr) -> exp.Expr | None:
    """Make `-` from `+`, and so on."""
    return first(tree, tuple(_ARITHMETIC), lambda n: _ARITHMETIC[type(n)](this=n.this, expression=n.args["expression"]))


def operands_swapped(tree: exp.Expr) -> exp.Expr | None:
    """Swap the operands of a difference or a concatenation."""
    return first(tree, (exp.Sub, exp.DPipe), lambda n: type(n)(this=n.args["expression"], expression=n.this))


def test_of_null_turned(tree: exp.Expr) -> exp.Expr | None:
    """Make IS NULL an IS NOT NULL."""
    return first(tree, (exp.Is,), lambda n: exp.Not(this=n.copy()), lambda n: not isinstance(n.parent, exp.Not))


def default_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out the default of COALESCE."""
    return first(tree, (exp.Coalesce,), lambda n: n.this)


def concatenated_as_function(tree: exp.Expr) -> exp.Expr | None:
    """Make `||` a CONCAT, which takes NULL for nothing."""
    return first(tree, (exp.DPipe,), lambda n: exp.Anonymous(this="concat", expressions=[n.this, n.args["expression"]]))


def branch_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out the first branch of CASE."""
    return first(tree, (exp.Case,), lambda n: n.set("ifs", n.args["ifs"][1:]))


def else_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out ELSE."""
    return first(tree, (exp.Case,), setting("default", None))


def cast_to_text(tree: exp.Expr) -> exp.Expr | None:
    """Cast to VARCHAR instead."""
    return first(tree, (exp.Cast, exp.TryCast), lambda n: n.set("to", exp.DataType.build("varchar")))


def list_element_changed(tree: exp.Expr) -> exp.Expr | None:
    """Take the second element of a list."""
    return first(tree, (exp.Bracket,), lambda n: n.set("expressions", [exp.Literal.number(1)]))


def _matters(ordered: exp.Expr) -> bool:
    order = ordered.parent
    holder = order.parent if order is not None else None
    return (
        not isinstance(holder, exp.Query)
        or holder.args.get("limit") is not None
        or holder.args.get("distinct") is not None
    )


#: Edits by name.
MUTATIONS_OF_OUTPUTS: dict[str, Mutation] = {
    "limit dropped": limit_dropped,
    "inner limit added": limit_added,
    "offset added": offset_added,
    "order turned": order_turned,
    "nulls moved": nulls_moved,
    "key dropped": key_dropped,
    "key added": key_added,
    "rollup added": rollup_added,
    "having dropped": having_dropped,
    "qualify dropped": qualify_dropped,
    "other aggregate": other_aggregate,
    "count of column": count_of_column,
    "count of all": count_of_all,
    "aggregate unfiltered": aggregate_unfiltered,
    "partition dropped": partition_dropped,
    "other rank": other_rank,
    "other column": other_column,
    "last column": last_column_changed,
    "outputs crossed": outputs_crossed,
    "operator": operator_changed,
    "operands swapped": operands_swapped,
    "test of null turned": test_of_null_turned,
    "default dropped": default_dropped,
    "concatenated as function": concatenated_as_function,
    "branch dropped": branch_dropped,
    "else dropped": else_dropped,
    "cast to text": cast_to_text,
    "list element": list_element_changed,
}
