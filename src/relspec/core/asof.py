"""Which row of its right side an ASOF join takes, as far as its condition says.

Of the rows that agree in the equalities it takes one with the nearest value of the inequality. Where several have that
value, which one it is hangs on the order of rows. So the condition settles the columns that it compares as they are,
and no other: not those of an expression that it compares, of which several rows may give the same value.
"""

from collections.abc import Iterable, Iterator

from sqlglot import exp

from relspec.core.clauses import conditions_of, spot_of
from relspec.core.scopes import Scopes, Selection

_EQUALITIES = (exp.EQ, exp.NullSafeEQ)
_INEQUALITIES = (exp.GT, exp.GTE, exp.LT, exp.LTE)


def is_asof(join: exp.Join | None) -> bool:
    """Whether a join takes the nearest row for each."""
    return join is not None and join.method.upper() == "ASOF"


def equalities_of(join: exp.Join) -> Iterator[exp.Expr]:
    """The conditions of a join that hold as they are written: the last column of an ASOF USING is no equality."""
    conditions = list(conditions_of(join.args.get("on")))
    hidden = is_asof(join) and not any(isinstance(c, _INEQUALITIES) for c in conditions)
    yield from conditions[:-1] if hidden else conditions


def compared_columns(scopes: Scopes, selection: Selection, index: int) -> set[int]:
    """The positions of an ASOF join's right side that it compares as they are: its left side settles them."""
    join = selection.sources[index].join
    found = set()
    for condition in conditions_of(None if join is None else join.args.get("on")):
        if isinstance(condition, (*_EQUALITIES, *_INEQUALITIES)):
            spots = [spot_of(scopes, selection, side) for side in (condition.this, condition.expression)]
            found |= {spot[1] for spot in spots if spot is not None and spot[0] == index}
    return found


def seen_columns(selection: Selection, index: int, outputs: Iterable[exp.Expr], without: tuple[str, ...]) -> set[int]:
    """The positions of a source that an output, or anything but its own join and the clauses `without`, names.

    What a subquery names counts by its name alone.
    """
    source = selection.sources[index]
    own = None if source.join is None else source.join.args.get("on")
    parts = [part for key, part in selection.node.args.items() if key not in ("expressions", "with_", *without)]
    nodes = [n for part in parts for n in (part if isinstance(part, list) else [part]) if isinstance(n, exp.Expr)]
    position = {name.lower(): i for i, name in enumerate(source.names)}
    return {
        position[column.name.lower()]
        for node in (*nodes, *outputs)
        for column in node.walk(prune=lambda n: n is own)
        if isinstance(column, exp.Column) and column.table.lower() == source.alias and column.name.lower() in position
    }
