"""The clauses of one SELECT, read for what they say about its rows: keys, conditions, the columns behind names."""

from collections.abc import Iterator

import msgspec
from sqlglot import exp

from relspec.core.lineage import output_position
from relspec.core.scopes import Scopes, Selection, Source

#: A column of a SELECT's sources: number of the source, position in it.
Spot = tuple[int, int]

_TRANSPARENT = (exp.Ordered, exp.Paren, exp.Alias)
_HIDDEN_JOINS = ("SEMI", "ANTI")


class Group(msgspec.Struct, frozen=True):
    """The keys of a GROUP BY; with `sets` (ROLLUP and the like) they do not tell the groups apart."""

    keys: tuple[exp.Expr, ...]
    sets: bool


def group_of(scopes: Scopes, selection: Selection) -> Group | None:
    """The GROUP BY of a SELECT with positions and aliases resolved; `None` where there is none."""
    group = selection.node.args.get("group")
    if group is None:
        return None
    sets = any(v for k, v in group.args.items() if k not in ("expressions", "all"))
    if group.args.get("all"):
        keys = [p for p in selection.projections if not scopes.uses(p).aggregates and not scopes.uses(p).windows]
    else:
        keys = list(group.expressions)
    return Group(tuple(bare(meant(selection, key)) for key in keys), sets)


def parts_of(expression: exp.Expr) -> Iterator[exp.Expr]:
    """The parts of a row value, each of which counts: `(a, b)`, `row(a, b)`, `{'x': a}`; else the expression itself."""
    inner = bare(expression)
    if isinstance(inner, (exp.Tuple, exp.Struct)) or (isinstance(inner, exp.Anonymous) and inner.name.lower() == "row"):
        for part in inner.expressions:
            yield from parts_of(part.args["expression"] if isinstance(part, exp.PropertyEQ) else part)
    else:
        yield inner


def bare(expression: exp.Expr) -> exp.Expr:
    """An expression without its alias, parentheses and direction of order."""
    while isinstance(expression, _TRANSPARENT):
        expression = expression.this
    return expression


def meant(selection: Selection, expression: exp.Expr) -> exp.Expr:
    """The output that a bare name or a number stands for; else the expression itself."""
    inner = bare(expression)
    if isinstance(inner, exp.Column) and not inner.table:
        return selection.projections[output_position(selection, inner)]
    if isinstance(inner, exp.Literal) and inner.is_int and 0 < int(inner.name) <= len(selection.projections):
        return selection.projections[int(inner.name) - 1]
    return inner


def visible_sources(selection: Selection) -> list[tuple[int, Source]]:
    """The sources whose columns can be seen, with their numbers."""
    pairs = enumerate(selection.sources)
    return [(i, s) for i, s in pairs if s.join is None or s.join.kind not in _HIDDEN_JOINS]


def spot_of(scopes: Scopes, selection: Selection, expression: exp.Expr) -> Spot | None:
    """The column of a source that an expression is; the key of an inner or left join by USING is its left one."""
    inner = bare(expression)
    if isinstance(inner, exp.Coalesce) and _is_using(selection, inner):
        inner = inner.this
    if not isinstance(inner, exp.Column) or not inner.table:
        return None
    place = scopes.resolve(selection, inner)
    return (place.index, place.position) if place.selection is selection else None


def conditions_of(node: exp.Expr | None) -> Iterator[exp.Expr]:
    """The conditions that all have to hold."""
    inner = None if node is None else bare(node)
    if isinstance(inner, exp.And):
        yield from conditions_of(inner.this)
        yield from conditions_of(inner.expression)
    elif inner is not None:
        yield inner


def _is_using(selection: Selection, both: exp.Coalesce) -> bool:
    if len(both.expressions) != 1:
        return False
    pair = {both.this, both.expressions[0]}
    joins = (s.join for s in selection.sources if s.join is not None and s.join.side in ("", "LEFT"))
    equal = (c for j in joins for c in conditions_of(j.args.get("on")) if isinstance(c, exp.EQ))
    return not turns_around(selection) and any({c.this, c.expression} == pair for c in equal)


def turns_around(selection: Selection) -> bool:
    """Whether a join adds rows for what has no partner on its right: then sources are not what they were."""
    return any(s.join is not None and s.join.side in ("RIGHT", "FULL") for s in selection.sources)


def keeps_one(node: exp.Expr) -> bool:
    limit = node.args.get("limit")
    count = None if limit is None else limit.args.get("expression") or limit.args.get("count")
    options = None if limit is None else limit.args.get("limit_options")
    percent = options is not None and options.args.get("percent")
    return isinstance(count, exp.Literal) and count.name in ("0", "1") and not percent


def is_one_group(scopes: Scopes, selection: Selection) -> bool:
    """Whether everything is aggregated into one row."""
    if selection.node.args.get("group") is not None:
        return False
    having = selection.node.args.get("having")
    return having is not None or any(scopes.uses(p).aggregates for p in selection.projections)
