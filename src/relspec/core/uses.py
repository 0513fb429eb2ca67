"""What one expression is made of, and what it does: columns, subqueries, aggregates, windows.

Nothing is guessed: a node that may hide a column, or a name that stands where no rule covers it, raises CoarseError.
"""

import msgspec
from sqlglot import exp

from relspec.core.functions import aggregates, is_stable, makes_rows

QUERIES = (exp.Select, exp.SetOperation, exp.Subquery)
_CALLS = (exp.Func, exp.Window, exp.UDTF)
_NOT_IN_EXPRESSIONS = (exp.Table, exp.PositionalColumn, exp.Parameter, exp.Placeholder, exp.Columns, exp.Pivot)


class CoarseError(Exception):
    """The query has something that is not understood or not proved; the message is the reason, for the user."""


class Uses(msgspec.Struct, frozen=True):
    """What an expression is made of, and what it does; its subqueries are not looked into, save for `stable`.

    `columns` may name outputs of the SELECT itself. `calls` are functions, windows and the like: most expressions have
    none, and then there is nothing in them to look for. `makes_rows`: turns a row into several, or may.
    """

    columns: tuple[exp.Column, ...]
    queries: tuple[exp.Expr, ...]
    calls: tuple[exp.Expr, ...]
    aggregates: bool
    windows: bool
    makes_rows: bool
    stable: bool


def uses_of(node: exp.Expr) -> Uses:
    """Walk an expression once, without its subqueries."""
    bare = node.this if type(node) is exp.Alias else node
    if isinstance(bare, exp.Column):
        # Most outputs are columns, and a table may have hundreds.
        return Uses((bare,), (), (), aggregates=False, windows=False, makes_rows=False, stable=True)
    columns: list[exp.Column] = []
    queries: list[exp.Expr] = []
    calls: list[exp.Expr] = []
    pending = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, exp.Column):
            columns.append(part)
        elif isinstance(part, QUERIES):
            queries.append(part)
        else:
            _check_part(part, part is node)
            if isinstance(part, _CALLS):
                calls.append(part)
            pending.extend(reversed(list(part.iter_expressions())))
    return Uses(
        tuple(columns),
        tuple(queries),
        tuple(calls),
        aggregates=any(aggregates(call) for call in calls),
        windows=any(isinstance(call, exp.Window) for call in calls),
        makes_rows=any(makes_rows(call) for call in calls),
        stable=all(is_stable(call) for call in calls) and all(is_stable(n) for q in queries for n in q.walk()),
    )


def _check_part(part: exp.Expr, is_whole: bool) -> None:
    # A table function stands in FROM as a whole; anywhere else a table is a whole row.
    if isinstance(part, _NOT_IN_EXPRESSIONS) and not (is_whole and isinstance(part, exp.Table)):
        raise CoarseError(f"{type(part).__name__.upper()} in an expression is not understood")
    if isinstance(part, exp.Identifier) and not _is_harmless(part):
        raise CoarseError(f"the name {part.name!r} stands where it is not understood")
    if isinstance(part, exp.Star) and not isinstance(part.parent, exp.Count):
        raise CoarseError("a star that cannot be expanded")


def _is_harmless(identifier: exp.Identifier) -> bool:
    """Whether a name that is not part of a column is surely no column: a field, an alias, a window, a parameter."""
    parent = identifier.parent
    if isinstance(parent, (exp.Alias, exp.TableAlias, exp.Window, exp.Kwarg, exp.ColumnDef, exp.DataType)):
        return True
    if isinstance(parent, exp.PropertyEQ):
        return not isinstance(parent.parent, exp.Struct) or not isinstance(parent.parent.parent, exp.ToMap)
    if isinstance(parent, exp.Dot) and identifier is parent.expression:
        return True
    while parent is not None:
        if isinstance(parent, exp.Lambda) and any(p.name == identifier.name for p in parent.expressions):
            return True
        parent = parent.parent
    return False
