"""Where an edit applies: the first fitting place in a parsed query."""

from collections.abc import Callable, Iterator

from sqlglot import exp

#: Gives a changed query, or `None` where it does not fit; it may change what it is given.
Mutation = Callable[[exp.Expr], exp.Expr | None]


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


def setting(key: str, value: object) -> Callable[[exp.Expr], None]:
    """Make a change that sets one part of a node."""
    return lambda node: node.set(key, value)


def first_inner(
    tree: exp.Expr, change: Callable[[exp.Expr], None], wanted: Callable[[exp.Expr], bool]
) -> exp.Expr | None:
    """Change the first inner query that is wanted."""
    for select in inner(tree):
        if wanted(select):
            change(select)
            return tree
    return None


def inner(tree: exp.Expr) -> Iterator[exp.Select]:
    """Give the CTEs and subqueries in FROM."""
    for select in tree.find_all(exp.Select):
        if isinstance(select.parent, exp.CTE) or (
            isinstance(select.parent, exp.Subquery) and bool(select.parent.alias)
        ):
            yield select
