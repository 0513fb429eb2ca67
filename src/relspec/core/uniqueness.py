"""Which columns tell the rows of a relation apart.

`Facts` finds for each relation of a query the sets of columns that are unique in it: the keys of GROUP BY, all columns
of a DISTINCT, nothing at all where there is one row. Joins and filters hand them on. A relation whose rows are those of
one stored dataset, each at most once, says so: what is unique there is unique here. Nothing is guessed.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from sqlglot import exp

from relspec.core.calls import multiplies
from relspec.core.clauses import (
    Spot,
    bare,
    group_of,
    is_one_group,
    keeps_one,
    meant,
    parts_of,
    spot_of,
    turns_around,
    visible_sources,
)
from relspec.core.floats import Floats
from relspec.core.lineage import is_union_all
from relspec.core.scopes import Base, Combination, Relation, Scopes, Selection, expressions_of
from relspec.core.settled import Settled


class Known(msgspec.Struct, frozen=True):
    """Unique sets of a relation's positions; the dataset whose rows these are, each at most once, and its columns."""

    keys: tuple[frozenset[int], ...]
    rows_of: str | None
    names: Mapping[int, str]


_NOTHING = Known((), None, {})


class Facts:
    """What is known of the relations of one query."""

    def __init__(self, scopes: Scopes, floats: Floats) -> None:
        self.scopes = scopes
        self.floats = floats
        self._known: dict[int, Known] = {}
        self._correlated = frozenset(_correlated(scopes))

    def of(self, relation: Relation) -> Known:
        """What tells the rows of a relation apart."""
        if id(relation) not in self._known:
            self._known[id(relation)] = self._fresh(relation)
        return self._known[id(relation)]

    def _depends_on_outside(self, relation: Relation) -> bool:
        """Whether a relation is another one for each row of the SELECT around it."""
        if not self._correlated or not isinstance(relation, (Selection, Combination)):
            return False
        return any(id(node) in self._correlated for node in relation.node.walk())

    def _fresh(self, relation: Relation) -> Known:
        if self._depends_on_outside(relation):
            return _NOTHING
        match relation:
            case Base(dataset=dataset, names=names):
                return Known((), dataset, dict(enumerate(names)))
            case Selection():
                return self._selection(relation)
            case Combination(recursive=None) if not is_union_all(relation) and relation.node.args.get("distinct"):
                return Known((frozenset(range(len(relation.names))),), None, {})
            case _:
                return _NOTHING

    def _selection(self, selection: Selection) -> Known:
        keys, traced = [], _NOTHING
        multiplied = multiplies(p for p in selection.projections if self.scopes.uses(p).makes_rows)
        if keeps_one(selection.node) or (is_one_group(self.scopes, selection) and not multiplied):
            keys.append(frozenset[int]())
        distinct = selection.node.args.get("distinct")
        if distinct is not None:
            on = distinct.args.get("on")
            wanted = selection.projections if on is None else parts_of(on)
            keys += self._positions(selection, wanted)
        if multiplied:
            return Known(tuple(keys), None, {})
        group = group_of(self.scopes, selection)
        if group is not None:
            keys += [] if group.sets else self._positions(selection, group.keys)
        elif not is_one_group(self.scopes, selection) and not turns_around(selection):
            keys += self._handed_on(selection)
            traced = self._traced(selection)
        return Known(tuple(keys), traced.rows_of, traced.names)

    def _positions(self, selection: Selection, wanted: Iterable[exp.Expr]) -> list[frozenset[int]]:
        """The outputs that are these expressions, as one set; nothing where one of them is no output."""
        there = {bare(p): i for i, p in reversed(list(enumerate(selection.projections)))}
        found = set()
        for expression in wanted:
            position = there.get(bare(meant(selection, expression)))
            if position is None:
                return []
            found.add(position)
        return [frozenset(found)]

    def _handed_on(self, selection: Selection) -> list[frozenset[int]]:
        """The unique sets of the sources, taken together as far as joins do not settle them."""
        chosen: set[Spot] = set()
        settled = Settled(self, selection, (), chosen)
        for index, source in visible_sources(selection):
            if settled.is_whole(index):
                continue
            keys = self.of(source.relation).keys
            if not keys:
                return []
            chosen |= {(index, position) for position in keys[0]}
            settled = Settled(self, selection, (), chosen)
        outputs = self._outputs(selection)
        return [] if any(s not in outputs for s in chosen) else [frozenset(outputs[s] for s in chosen)]

    def _traced(self, selection: Selection) -> Known:
        """The dataset whose rows are handed on, each at most once: nothing that is joined to it multiplies them."""
        for index, source in visible_sources(selection):
            known = self.of(source.relation)
            if known.rows_of is None or (source.join is not None and source.join.side == "LEFT"):
                continue
            settled = Settled(self, selection, (), {(index, p) for p in range(len(source.names))})
            if all(other == index or settled.is_whole(other) for other, _ in visible_sources(selection)):
                outputs = self._outputs(selection)
                names = {outputs[index, p]: name for p, name in known.names.items() if (index, p) in outputs}
                return Known((), known.rows_of, names)
        return _NOTHING

    def _outputs(self, selection: Selection) -> dict[Spot, int]:
        """Where each column that is handed on unchanged comes out first."""
        found: dict[Spot, int] = {}
        for position, projection in enumerate(selection.projections):
            spot = spot_of(self.scopes, selection, projection)
            if spot is not None:
                found.setdefault(spot, position)
        return found


def _correlated(scopes: Scopes) -> Iterator[int]:
    """The SELECTs, by the ids of their nodes, that name a column of a SELECT around them."""
    for selection in scopes.selections:
        for expression in expressions_of(selection):
            for column in scopes.uses(expression).columns:
                owner = scopes.resolve(selection, column).selection if column.table else selection
                inner: Selection | None = selection
                while inner is not None and inner is not owner:
                    yield id(inner.node)
                    inner = inner.parent
