"""Edits that may change a query's result: each is a small function from a parsed query to another, or `None`.

An edit gets a copy that it may change. Whether the result does move is found by execution, pair by pair.
"""

from sqlglot import exp
from tests.equivalence.places import Mutation, first, first_inner, setting

_LOOSER = {exp.LT: exp.LTE, exp.LTE: exp.LT, exp.GT: exp.GTE, exp.GTE: exp.GT, exp.EQ: exp.NEQ, exp.NEQ: exp.EQ}


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
        tree, (exp.Join,), setting("side", "LEFT"), lambda n: not n.side and not n.kind and bool(n.args.get("on"))
    )


def outer_join_to_inner(tree: exp.Expr) -> exp.Expr | None:
    """Make the first outer join an inner one."""
    return first(tree, (exp.Join,), setting("side", None), lambda n: bool(n.side))


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
    return first(tree, (exp.Join,), setting("kind", ""), lambda n: n.kind == "SEMI")


def condition_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out one side of the first AND."""
    return first(tree, (exp.And,), lambda n: n.args["expression"])


def filter_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out the first WHERE."""
    return first(tree, (exp.Select,), setting("where", None), lambda n: n.args.get("where") is not None)


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
    return first_inner(tree, lambda s: s.set("distinct", exp.Distinct()), lambda s: s.args.get("distinct") is None)


def distinct_dropped(tree: exp.Expr) -> exp.Expr | None:
    """Leave out the first DISTINCT."""
    return first(tree, (exp.Select,), setting("distinct", None), lambda n: n.args.get("distinct") is not None)


def inner_column_added(tree: exp.Expr) -> exp.Expr | None:
    """Add a column to an inner query where columns decide about rows."""

    def gains(select: exp.Expr) -> bool:
        group = select.args.get("group")
        return select.args.get("distinct") is not None or (group is not None and bool(group.args.get("all")))

    return first_inner(tree, lambda s: s.append("expressions", exp.alias_(exp.column("status"), "gained")), gains)


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


#: Edits of conditions, joins and set operations by name.
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
}
