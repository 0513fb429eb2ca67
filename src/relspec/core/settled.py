"""What is settled about a row of a SELECT once some expressions are.

`Settled` starts from expressions that are given, such as the keys of an ORDER BY, and closes over what follows: a
unique set settles its row, an equality its other side, the left side of a left join its right one. What is not
understood settles nothing. Where a stored dataset would have to be unique in some columns, that becomes an
assumption, and is said.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sqlglot import exp

from relspec.core.asof import compared_columns, equalities_of, is_asof
from relspec.core.clauses import (
    Spot,
    bare,
    conditions_of,
    group_of,
    is_one_group,
    meant,
    parts_of,
    spot_of,
    turns_around,
    visible_sources,
)
from relspec.core.finding import ColumnsOf
from relspec.core.functions import aggregates
from relspec.core.lineage import output_position
from relspec.core.scopes import Selection, Source
from relspec.core.uses import QUERIES

if TYPE_CHECKING:
    from relspec.core.uniqueness import Facts


class Settled:
    """What is settled about a row of `selection` once `given` expressions and `spots` are.

    A row is one of the joined sources, or a group of them where the SELECT groups and `ungrouped` is false.
    """

    def __init__(
        self,
        facts: "Facts",
        selection: Selection,
        given: Iterable[exp.Expr],
        spots: Iterable[Spot] = (),
        *,
        ungrouped: bool = False,
    ) -> None:
        self._facts = facts
        self._scopes = facts.scopes
        self._selection = selection
        self._given = {part for e in given for part in parts_of(meant(selection, e))}
        self._spots = set(spots)
        for expression in self._given:
            spot = spot_of(self._scopes, selection, expression)
            if spot is not None:
                self._spots.add(spot)
        self._group = None if ungrouped else group_of(self._scopes, selection)
        self._is_single = not ungrouped and (is_one_group(self._scopes, selection) or self._is_numbered())
        self._whole: set[int] = set()
        self._sources = [] if turns_around(selection) else visible_sources(selection)
        self._equalities = list(self._equal_columns())
        self._close()

    def is_whole(self, index: int) -> bool:
        """Whether the row of a source is settled."""
        return index in self._whole

    def unsettled(self, wanted: Iterable[exp.Expr]) -> list[exp.Expr]:
        """The parts of `wanted` expressions that may differ between rows that agree in what is given."""
        if self._is_single or self._has_all_keys():
            return []
        found: dict[exp.Expr, None] = {}
        for expression in wanted:
            inner = bare(meant(self._selection, expression))
            if inner not in self._given and not self._is_settled_spot(inner):
                found |= dict.fromkeys(p for p in self._pieces(inner) if not self._is_settled(p))
        return list(found)

    def assuming(self, wanted: list[exp.Expr]) -> tuple[ColumnsOf, ...]:
        """What stored datasets would have to be unique in so that `wanted` is settled; empty where that is not enough.

        One dataset where one is enough, else those that are needed in the order of FROM. It is assumed from here on.
        """
        before = set(self._spots), set(self._whole)
        for index, _ in self._sources:
            assumed = self._assume(index)
            if assumed and not self.unsettled(wanted):
                return assumed
            self._spots, self._whole = set(before[0]), set(before[1])
        together: tuple[ColumnsOf, ...] = ()
        for index, _ in self._sources:
            together += self._assume(index)
        return together if not self.unsettled(wanted) else ()

    def _assume(self, index: int) -> tuple[ColumnsOf, ...]:
        source = self._selection.sources[index]
        known = self._facts.of(source.relation)
        columns = tuple(sorted(name for p, name in known.names.items() if (index, p) in self._spots))
        if not columns or index in self._whole or not self._has_settled_partner(index, source):
            return ()
        assert known.rows_of is not None
        self._settle_source(index)
        self._close()
        return ((known.rows_of, columns),)

    def _is_numbered(self) -> bool:
        """Whether a number of each row is given: ROW_NUMBER() without partitions."""
        return any(
            isinstance(e, exp.Window) and isinstance(e.this, exp.RowNumber) and not e.args.get("partition_by")
            for e in self._given
            if not (isinstance(e, exp.Window) and e.args.get("alias"))
        )

    def _has_all_keys(self) -> bool:
        group = self._group
        if group is None or group.sets:
            return False
        return all(
            key in self._given or all(self._is_settled(piece) for piece in self._pieces(key)) for key in group.keys
        )

    def _pieces(self, node: exp.Expr) -> Iterator[exp.Expr]:
        """What an expression hangs on: columns, subqueries, and in a grouped SELECT keys and aggregates."""
        pending = [node]
        while pending:
            part = pending.pop()
            grouped = self._group is not None and (part in self._group.keys or aggregates(part))
            if isinstance(part, (exp.Column, *QUERIES)) or grouped or part in self._given:
                yield part
            else:
                pending.extend(part.iter_expressions())

    def _is_settled(self, piece: exp.Expr) -> bool:
        if piece in self._given:
            return True
        if self._group is not None and self._group.sets:
            return False
        if isinstance(piece, QUERIES):
            return all(self._is_outside(column) for column in piece.find_all(exp.Column))
        if isinstance(piece, exp.Column):
            return self._is_settled_column(piece)
        # An aggregate hangs on its group. A key that is computed hangs on its columns.
        return not aggregates(piece) and all(self._is_settled_column(c) for c in piece.find_all(exp.Column))

    def _is_settled_spot(self, expression: exp.Expr) -> bool:
        if self._group is not None and self._group.sets:
            return False
        return spot_of(self._scopes, self._selection, expression) in self._spots

    def _is_settled_column(self, column: exp.Column) -> bool:
        if not column.table:
            return not self.unsettled([self._selection.projections[output_position(self._selection, column)]])
        place = self._scopes.resolve(self._selection, column)
        return place.selection is not self._selection or (place.index, place.position) in self._spots

    def _is_outside(self, column: exp.Column) -> bool:
        """Whether a column of a subquery is surely none of this SELECT's sources."""
        return bool(column.table) and column.table.lower() not in {s.alias for s in self._selection.sources}

    def _equal_columns(self) -> Iterator[tuple[Spot, Spot]]:
        conditions = list(conditions_of(_inner(self._selection.node.args.get("where"))))
        for _, source in self._sources:
            if source.join is not None and source.join.side == "":
                conditions += equalities_of(source.join)
        for condition in conditions:
            yield from self._equality(condition)

    def _equality(self, condition: exp.Expr) -> Iterator[tuple[Spot, Spot]]:
        if not isinstance(condition, (exp.EQ, exp.NullSafeEQ)):
            return
        left, right = (spot_of(self._scopes, self._selection, s) for s in (condition.this, condition.expression))
        if left is not None and right is not None:
            if self._are_plain(condition):
                yield from ((left, right), (right, left))
        elif left is not None or right is not None:
            spot, other = (left, condition.expression) if left is not None else (right, condition.this)
            if spot is not None and isinstance(bare(other), exp.Literal) and self._are_plain(condition):
                self._spots.add(spot)

    def _are_plain(self, condition: exp.Expr) -> bool:
        floats = self._facts.floats
        return all(floats.is_plain(column, self._selection) for column in condition.find_all(exp.Column))

    def _close(self) -> None:
        moved = True
        while moved:
            before = len(self._spots), len(self._whole)
            self._spots |= {right for left, right in self._equalities if left in self._spots}
            for index, source in self._sources:
                self._spots |= self._looked_up(index, source)
                mine = {position for i, position in self._spots if i == index}
                keys = self._facts.of(source.relation).keys
                if any(key <= mine for key in keys) and self._has_settled_partner(index, source):
                    self._settle_source(index)
            moved = before != (len(self._spots), len(self._whole))

    def _settle_source(self, index: int) -> None:
        self._whole.add(index)
        self._spots |= {(index, p) for p in range(len(self._selection.sources[index].names))}

    def _has_settled_partner(self, index: int, source: Source) -> bool:
        """Whether the rows that a source is joined to are settled as far as it matters which of its rows they get.

        It matters in a left join alone: a row without a partner gets NULLs, whatever is unique in the source.
        """
        on = None if source.join is None or source.join.side != "LEFT" else source.join.args.get("on")
        return on is None or self._has_settled_names(on, index)

    def _has_settled_names(self, on: exp.Expr, index: int) -> bool:
        """Whether all that a condition names of other sources is settled."""
        spots = (spot_of(self._scopes, self._selection, column) for column in on.find_all(exp.Column))
        return on.find(*QUERIES) is None and all(s is None or s[0] == index or s in self._spots for s in spots)

    def _looked_up(self, index: int, source: Source) -> set[Spot]:
        """The columns of a join's right side that its condition settles, all that it names of the left being so.

        Of left joins, where they are NULL without a partner, and of ASOF joins, which take one partner.
        """
        asof = is_asof(source.join)
        on = None if source.join is None or not (asof or source.join.side == "LEFT") else source.join.args.get("on")
        if on is None or not self._has_settled_names(on, index):
            return set()
        if asof:
            compared = compared_columns(self._scopes, self._selection, index)
            return {(index, position) for position in compared} if self._are_plain(on) else set()
        found: set[Spot] = set()
        for condition in conditions_of(on):
            if isinstance(condition, (exp.EQ, exp.NullSafeEQ)) and self._are_plain(condition):
                sides = [spot_of(self._scopes, self._selection, s) for s in (condition.this, condition.expression)]
                mine = [s for s in sides if s is not None and s[0] == index]
                found |= set(mine) if len(mine) == 1 else set()
        return found


def _inner(where: exp.Expr | None) -> exp.Expr | None:
    return None if where is None else where.this
