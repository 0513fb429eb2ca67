"""Edits that may change a query's result: each is a small function from a parsed query to another, or `None`.

An edit gets a copy that it may change. Whether the result does move is found by execution, pair by pair.
"""

from collections.abc import Callable, Iterator

from sqlglot import exp

Mutation = Callable[[exp.Expr], exp.Expr | None]

_LOOSER = {exp.LT: exp.LTE, exp.LTE: exp.LT, exp.GT: exp.GTE, exp.GTE: exp.GT, exp.EQ: exp.NEQ, exp.NEQ: exp.EQ}
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


def first(
    tree: exp.Expr,
    kinds: tuple[type[exp.Expr], ...],
    change: Callable[[exp.Expr], exp.Expr | None],
    wanted: Callable[[exp.Expr], bool] = lambda _: True,
) -> exp.Expr | None:
    """Replace the first node of these kinds by what `change` makes of it, or leave it as `change` has changed it."""
    node = next((n for n in tree.walk() if type(n) in kinds and wanted(n)), None)
    if node is None:
        return None
    new = change(node)
    if new is not None and new is not node:
        node.replace(new)
    return tree


def _setting(key: str, value: object) -> Callable[[exp.Expr], None]:
    return lambda node: node.set(key, value)


def number_changed(tree: exp.Expr) -> exp.Expr | None:
    """Add one to the first integer."""
    return first(tree, (exp.Literal,), lambda n: exp.Literal.number(int(n.name) + 1), lambda n: bool(n.is_int))


def last_number_changed(tree: exp.Expr) -> exp.Expr | None:
    """Add one to the last integer, which in many queries is a limit or an inner bound."""
    literals = [n for n in tree.find_all(exp.Literal) if n.is_int]
    if len(literals) < 2:
        return None
    literals[-1].replace(exp.Literal.number(int(literals[-1].name) + 1))
    return tree


def text_changed(tree: exp.Expr) -> exp.Expr | None:
    """Change the first string that is no date."""
    return first(tree, (exp.Literal,), lambda n: exp.Literal.string(f"{n.name}?"), _is_text)


def _is_text(node: exp.Expr) -> bool:
    return bool(node.is_string) and not node.name.startswith("20")


def inner_join_to_left(tree: exp.Expr) -> exp.Expr | None:
    """Make the first inner join a left one."""
    return first(
        tree, (exp.Join,), _setting("side", "LEFT"), lambda n: not n.side and not n.kind and bool(n.args.get("on"))
    )


def outer_join_to_inner(tree: exp.Expr) -> exp.Expr | None:
    """Make the first outer join an inner one."""
    return first(tree, (exp.Join,), _setting("side", None), lambda n: bool(n.side))


def outer_join_turned(tree: exp.Expr) -> exp.Expr | None:
    """Make a left join a right one, and others left."""
    return first(
        tree, (exp.Join,), lambda n: n.set("side", "RIGHT" if n.side == "LEFT" else "LEFT"), lambda n: bool(n.side)
    )


def semi_or_anti(tree: exp.Expr) -> exp.Expr | None:
    """Swap SEMI and ANTI."""
    return first(
        tree,
        (exp.Join,),
        lambda n: n.set("kind", "ANTI" if n.kind == "SEMI" else "SEMI"),
        lambda n: n.kind in ("SEMI", "ANTI"),
    )


def semi_to_inner(tree: exp.Expr) -> exp.Expr | None:
    """Make a semi join an inner one."""
    return first(tree, (exp.Join,), _setting("kind", ""), lambda n: n.kind == "SEMI")


def condition_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out one side of the first AND."""
    return first(tree, (exp.And,), lambda n: n.args["expression"])


def filter_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out the first WHERE."""
    return first(tree, (exp.Select,), _setting("where", None), lambda n: n.args.get("where") is not None)


def last_filter_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out the WHERE of the innermost SELECT."""
    selects = [s for s in tree.find_all(exp.Select) if s.args.get("where") is not None]
    if len(selects) < 2:
        return None
    selects[-1].set("where", None)
    return tree


def filter_into_join(tree: exp.Expr) -> exp.Expr | None:
    """Move WHERE into the condition of the first outer join."""
    select = tree if isinstance(tree, exp.Select) else None
    outer = [j for j in (select.args.get("joins") or ()) if j.side] if select is not None else []
    if select is None or not outer or select.args.get("where") is None:
        return None
    outer[0].set("on", exp.and_(outer[0].args["on"], select.args["where"].this))
    select.set("where", None)
    return tree


def join_condition_into_filter(tree: exp.Expr) -> exp.Expr | None:
    """Move the last part of an outer join's condition to WHERE."""
    select = tree if isinstance(tree, exp.Select) else None
    outer = (
        [j for j in (select.args.get("joins") or ()) if j.side or j.kind in ("SEMI", "ANTI")]
        if select is not None
        else []
    )
    on = outer[0].args.get("on") if outer else None
    if select is None or not isinstance(on, exp.And):
        return None
    outer[0].set("on", on.this)
    select.where(on.args["expression"], copy=False)
    return tree


def and_or(tree: exp.Expr) -> exp.Expr | None:
    """Make the first AND an OR."""
    return first(tree, (exp.And,), lambda n: exp.Paren(this=exp.Or(this=n.this, expression=n.args["expression"])))


def or_and(tree: exp.Expr) -> exp.Expr | None:
    """Make the first OR an AND."""
    return first(tree, (exp.Or,), lambda n: exp.And(this=exp.paren(n.this), expression=exp.paren(n.args["expression"])))


def comparison_changed(tree: exp.Expr) -> exp.Expr | None:
    """Make `<` from `<=`, `<>` from `=`, and so on."""
    return first(tree, tuple(_LOOSER), lambda n: _LOOSER[type(n)](this=n.this, expression=n.args["expression"]))


def last_comparison_changed(tree: exp.Expr) -> exp.Expr | None:
    """Do the same to the last comparison."""
    places = [n for n in tree.walk() if type(n) in _LOOSER]
    if len(places) < 2:
        return None
    places[-1].replace(_LOOSER[type(places[-1])](this=places[-1].this, expression=places[-1].args["expression"]))
    return tree


def comparison_swapped(tree: exp.Expr) -> exp.Expr | None:
    """Swap the operands of the first `<` or `>` without turning it."""
    return first(
        tree, (exp.LT, exp.LTE, exp.GT, exp.GTE), lambda n: type(n)(this=n.args["expression"], expression=n.this)
    )


def null_safe(tree: exp.Expr) -> exp.Expr | None:
    """Make `=` IS NOT DISTINCT FROM, and `<>` IS DISTINCT FROM."""
    return first(
        tree,
        (exp.EQ, exp.NEQ),
        lambda n: (exp.NullSafeEQ if isinstance(n, exp.EQ) else exp.NullSafeNEQ)(
            this=n.this, expression=n.args["expression"]
        ),
    )


def negated_list(tree: exp.Expr) -> exp.Expr | None:
    """Make IN a NOT IN."""
    return first(tree, (exp.In,), lambda n: exp.Not(this=n.copy()))


def list_shortened(tree: exp.Expr) -> exp.Expr | None:
    """Leave out an item of the list after IN."""
    return first(tree, (exp.In,), lambda n: n.set("expressions", n.expressions[1:]), lambda n: len(n.expressions) > 1)


def negation_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out the first NOT."""
    return first(tree, (exp.Not,), lambda n: n.this)


def negated_exists(tree: exp.Expr) -> exp.Expr | None:
    """Make EXISTS a NOT EXISTS."""
    return first(tree, (exp.Exists,), lambda n: exp.Not(this=n.copy()))


def negated_range(tree: exp.Expr) -> exp.Expr | None:
    """Make BETWEEN a NOT BETWEEN."""
    return first(tree, (exp.Between,), lambda n: exp.Not(this=n.copy()))


def distinct_added(tree: exp.Expr) -> exp.Expr | None:
    """Make the whole query DISTINCT."""
    if not isinstance(tree, exp.Select) or tree.args.get("distinct") is not None:
        return None
    return tree.distinct()


def inner_distinct_added(tree: exp.Expr) -> exp.Expr | None:
    """Make the first inner query DISTINCT."""
    return _first_inner(tree, lambda s: s.set("distinct", exp.Distinct()), lambda s: s.args.get("distinct") is None)


def distinct_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out the first DISTINCT."""
    return first(tree, (exp.Select,), _setting("distinct", None), lambda n: n.args.get("distinct") is not None)


def inner_column_added(tree: exp.Expr) -> exp.Expr | None:
    """Add a column to an inner query where columns decide about rows."""

    def gains(select: exp.Expr) -> bool:
        group = select.args.get("group")
        return select.args.get("distinct") is not None or (group is not None and bool(group.args.get("all")))

    return _first_inner(tree, lambda s: s.append("expressions", exp.alias_(exp.column("status"), "gained")), gains)


def aggregate_appears(tree: exp.Expr) -> exp.Expr | None:
    """Leave the outputs of an inner query unread, and aggregate in it."""
    if tree.args.get("with_") is not None or not isinstance(tree, exp.Select) or tree.find(exp.AggFunc) is not None:
        return None
    table = tree.args["from_"].this
    if not isinstance(table, exp.Table) or tree.args.get("joins") or len(list(tree.find_all(exp.Select))) > 1:
        return None
    inner = exp.select("1 as one", "max(id) as most").from_(table.copy())
    return exp.select("s.one").from_(inner.subquery("s"))


def union_all_or_not(tree: exp.Expr) -> exp.Expr | None:
    """Swap UNION and UNION ALL."""
    return first(tree, (exp.Union,), lambda n: n.set("distinct", not n.args.get("distinct")))


def other_set_operation(tree: exp.Expr) -> exp.Expr | None:
    """Make EXCEPT an INTERSECT, or UNION an EXCEPT."""

    def other(node: exp.Expr) -> exp.Expr:
        kind = exp.Intersect if isinstance(node, exp.Except) else exp.Except
        return kind(this=node.this, expression=node.args["expression"], distinct=node.args.get("distinct"))

    if isinstance(tree, exp.SetOperation):
        return other(tree)
    return first(tree, (exp.Union, exp.Except), other, lambda n: n.find_ancestor(exp.CTE) is None)


def sides_swapped(tree: exp.Expr) -> exp.Expr | None:
    """Swap the sides of EXCEPT."""
    if not isinstance(tree, exp.Except):
        return None
    return exp.Except(this=tree.args["expression"], expression=tree.this, distinct=tree.args.get("distinct"))


def limit_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out the first LIMIT."""
    return first(tree, (exp.Select,), _setting("limit", None), lambda n: n.args.get("limit") is not None)


def limit_added(tree: exp.Expr) -> exp.Expr | None:
    """Keep no row of the first inner query."""
    return _first_inner(
        tree,
        lambda s: s.set("limit", exp.Limit(expression=exp.Literal.number(0))),
        lambda s: s.args.get("limit") is None,
    )


def offset_added(tree: exp.Expr) -> exp.Expr | None:
    """Leave out the first row of a LIMIT."""
    return first(
        tree,
        (exp.Select,),
        _setting("offset", exp.Offset(expression=exp.Literal.number(1))),
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
    return first(tree, (exp.Select,), _setting("having", None), lambda n: n.args.get("having") is not None)


def qualify_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out QUALIFY."""
    return first(tree, (exp.Select,), _setting("qualify", None), lambda n: n.args.get("qualify") is not None)


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
    return first(tree, (exp.Window,), _setting("partition_by", []), lambda n: bool(n.args.get("partition_by")))


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

    return _first_inner(tree, cross, lambda s: len(s.expressions) > 1 and not s.is_star)


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
    return first(tree, (exp.Case,), _setting("default", None))


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


def _first_inner(
    tree: exp.Expr, change: Callable[[exp.Expr], None], wanted: Callable[[exp.Expr], bool]
) -> exp.Expr | None:
    for select in _inner(tree):
        if wanted(select):
            change(select)
            return tree
    return None


def _inner(tree: exp.Expr) -> Iterator[exp.Select]:
    for select in tree.find_all(exp.Select):
        if isinstance(select.parent, exp.CTE) or (
            isinstance(select.parent, exp.Subquery) and bool(select.parent.alias)
        ):
            yield select


#: Edits by name.
MUTATIONS: dict[str, Mutation] = {
    "number": number_changed,
    "last number": last_number_changed,
    "text": text_changed,
    "inner join to left": inner_join_to_left,
    "outer join to inner": outer_join_to_inner,
    "outer join turned": outer_join_turned,
    "semi or anti": semi_or_anti,
    "semi to inner": semi_to_inner,
    "condition dropped": condition_dropped,
    "filter dropped": filter_dropped,
    "last filter dropped": last_filter_dropped,
    "filter into join": filter_into_join,
    "join condition into filter": join_condition_into_filter,
    "and to or": and_or,
    "or to and": or_and,
    "comparison": comparison_changed,
    "last comparison": last_comparison_changed,
    "comparison swapped": comparison_swapped,
    "null safe": null_safe,
    "list negated": negated_list,
    "list shortened": list_shortened,
    "negation dropped": negation_dropped,
    "exists negated": negated_exists,
    "range negated": negated_range,
    "distinct added": distinct_added,
    "inner distinct added": inner_distinct_added,
    "distinct dropped": distinct_dropped,
    "inner column added": inner_column_added,
    "aggregate appears": aggregate_appears,
    "union all or not": union_all_or_not,
    "other set operation": other_set_operation,
    "sides swapped": sides_swapped,
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
