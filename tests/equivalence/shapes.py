"""Parts of a parsed query that the rules look for."""

from collections.abc import Callable, Iterator

from sqlglot import exp

#: The columns of the shop's tables.
STORED = {
    "orders": ("id", "customer", "amount", "day", "status", "n", "qty", "price", "tags", "info", "doc"),
    "customers": ("id", "name", "region"),
    "returns": ("id", "order_id", "reason"),
}


def replaced(
    tree: exp.Expr,
    kinds: tuple[type[exp.Expr], ...],
    new: Callable[[exp.Expr], exp.Expr],
    wanted: Callable[[exp.Expr], bool] = lambda _: True,
) -> exp.Expr | None:
    """Replace every node of these kinds by what `new` makes of it; `None` where there is none."""
    # From the leaves upwards, since what is replaced is put into its replacement.
    places = [n for n in reversed(list(tree.bfs())) if type(n) in kinds and wanted(n)]
    for node in places:
        new_node = new(node)
        if node is tree:
            tree = new_node
        else:
            node.replace(new_node)
    return tree if places else None


def from_items(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Give the places of a SELECT's sources."""
    if isinstance(tree, exp.Select):
        yield from (h for h in (tree.args.get("from_"), *(tree.args.get("joins") or ())) if h is not None)


def is_stored(node: exp.Expr) -> bool:
    """Whether a node names one of the shop's tables."""
    return isinstance(node, exp.Table) and node.name in STORED and not node.db


def alias_of(table: exp.Expr) -> exp.TableAlias:
    """Give the name under which a table is read."""
    return exp.TableAlias(this=exp.to_identifier(table.alias or table.name))


def all_of(table: str) -> exp.Select:
    """Select all of a table."""
    return exp.select("*").from_(table)


def inner_selects(tree: exp.Expr) -> list[exp.Select]:
    """Give the SELECTs that are a subquery in FROM or a CTE by themselves."""
    return [
        s
        for s in tree.find_all(exp.Select)
        if isinstance(s.parent, (exp.CTE, exp.Subquery)) and _is_read_by_name(s.parent)
    ]


def _is_read_by_name(holder: exp.Expr) -> bool:
    if isinstance(holder, exp.CTE):
        return True
    return isinstance(holder.parent, (exp.From, exp.Join, exp.Lateral)) and bool(holder.alias)


def may_gain(select: exp.Select) -> bool:
    """Whether one more output changes nothing but the outputs."""
    group = select.args.get("group")
    return select.args.get("distinct") is None and not (group is not None and group.args.get("all"))


def aggregates(select: exp.Select) -> bool:
    """Whether a SELECT aggregates somewhere."""
    return select.find(exp.AggFunc) is not None
