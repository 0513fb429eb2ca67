"""Which columns a query needs, and which columns each of its outputs is made of.

`Needs` starts from the outputs that are wanted and follows columns inwards. Reaching a SELECT needs what its clauses
use; wanting an output of it needs what that projection uses. So an output that nobody reads costs nothing, unless
leaving it out could change rows: in DISTINCT, in the two sides of a set operation other than UNION ALL, as a key of
GROUP BY ALL, or where it makes rows or calls a function that is not known. The marks only grow, so that recursive
CTEs need no special care. Lineage follows projections only: a filter or a join decides about rows, it is not what a
value is made of. One walk serves all outputs.
"""

from collections.abc import Iterator

from sqlglot import exp

from relspec.core.scopes import Base, Combination, Recursion, Relation, Rows, Scopes, Selection, clauses_of
from relspec.core.uses import CoarseError

_MAY_NAME_OUTPUTS = (exp.Order, exp.Distinct)

#: A column of a relation by position.
_Spot = tuple[Relation, int]


class Needs:
    """The needed positions of every relation of one query, wanting all outputs of `root`."""

    def __init__(self, scopes: Scopes, root: Relation) -> None:
        self._scopes = scopes
        self._marks: dict[int, set[int]] = {}
        self._pending: list[_Spot] = []
        self.required: dict[str, set[str]] = {name: set() for name in scopes.bases}
        self._reach(root)
        self._want_all(root)
        while self._pending:
            self._follow(*self._pending.pop())

    def of(self, relation: Relation) -> tuple[int, ...]:
        """Give the needed positions of a relation in order."""
        return tuple(sorted(self._marks.get(id(relation), ())))

    def reaches(self, relation: Relation) -> bool:
        """Whether the rows of a relation count at all."""
        return id(relation) in self._marks

    def _want(self, relation: Relation, position: int) -> None:
        self._reach(relation)
        marks = self._marks[id(relation)]
        if position not in marks:
            marks.add(position)
            self._pending.append((relation, position))

    def _want_all(self, relation: Relation) -> None:
        for position in range(len(relation.names)):
            self._want(relation, position)

    def _follow(self, relation: Relation, position: int) -> None:
        match relation:
            case Base():
                self.required[relation.dataset].add(relation.names[position])
            case Selection():
                self._use(relation, relation.projections[position])
            case Combination():
                self._want(relation.left, position)
                self._want(relation.right, position)
            case Recursion(body=body):
                assert body is not None
                self._want(body, position)
            case Rows():
                pass

    def _reach(self, relation: Relation) -> None:
        if id(relation) in self._marks:
            return
        self._marks[id(relation)] = set()
        if isinstance(relation, Selection):
            self._reach_selection(relation)
        elif isinstance(relation, Combination):
            self._reach_combination(relation)

    def _reach_selection(self, selection: Selection) -> None:
        for source in selection.sources:
            self._reach(source.relation)
        for clause in clauses_of(selection):
            self._use(selection, clause)
        for position in pinned(self._scopes, selection):
            self._want(selection, position)

    def _reach_combination(self, combination: Combination) -> None:
        self._reach(combination.left)
        self._reach(combination.right)
        if not is_union_all(combination):
            self._want_all(combination)
        order = combination.node.args.get("order")
        for column in self._scopes.uses(order).columns if order is not None else ():
            self._want(combination, output_position(combination, column))

    def _use(self, selection: Selection, expression: exp.Expr) -> None:
        for spot in self._spots(selection, expression):
            self._want(*spot)
        for query in self._scopes.uses(expression).queries:
            self._reach(self._scopes.relation(query))

    def _spots(self, selection: Selection, expression: exp.Expr) -> Iterator[_Spot]:
        """Give what an expression is directly made of: columns, and the outputs of its subqueries."""
        uses = self._scopes.uses(expression)
        for column in uses.columns:
            if column.table:
                place = self._scopes.resolve(selection, column)
                yield place.source.relation, place.position
            elif isinstance(expression, _MAY_NAME_OUTPUTS):
                yield selection, output_position(selection, column)
            else:
                raise CoarseError(f"the column {column.sql('duckdb')} cannot be placed")
        for query in uses.queries:
            if not isinstance(query.parent, exp.Exists):
                relation = self._scopes.relation(query)
                yield from ((relation, position) for position in range(len(relation.names)))

    def lineage(self, relation: Relation, position: int) -> tuple[tuple[str, str], ...]:
        """Find the (dataset, column) pairs that one output is made of, sorted; columns in lower case."""
        found: set[tuple[str, str]] = set()
        seen = {(id(relation), position)}
        pending: list[_Spot] = [(relation, position)]
        while pending:
            current, place = pending.pop()
            if isinstance(current, Base):
                found.add((current.dataset, current.names[place]))
            for spot in self._made_of(current, place):
                if (id(spot[0]), spot[1]) not in seen:
                    seen.add((id(spot[0]), spot[1]))
                    pending.append(spot)
        return tuple(sorted(found))

    def _made_of(self, relation: Relation, position: int) -> Iterator[_Spot]:
        match relation:
            case Selection():
                yield from self._spots(relation, relation.projections[position])
            case Combination():
                yield from ((relation.left, position), (relation.right, position))
            case Recursion(body=body):
                assert body is not None
                yield body, position
            case Rows(reader=reader) if reader is not None:
                yield from self._spots(reader, relation.node)
            case _:
                pass


def pinned(scopes: Scopes, selection: Selection) -> tuple[int, ...]:
    """Give the outputs that count even when nobody reads them, because they decide about rows."""
    node = selection.node
    everything = range(len(selection.projections))
    if node.args.get("distinct") is not None or orders_by_all(node):
        return tuple(everything)
    group = node.args.get("group")
    by_all = group is not None and bool(group.args.get("all"))
    uses = [scopes.uses(p) for p in selection.projections]
    return tuple(i for i in everything if uses[i].makes_rows or (by_all and not uses[i].aggregates))


def is_union_all(combination: Combination) -> bool:
    """Whether a set operation lets its columns be left out one by one."""
    return isinstance(combination.node, exp.Union) and not combination.node.args.get("distinct")


def output_position(relation: Selection | Combination, column: exp.Column) -> int:
    """Find the output that an unqualified name in ORDER BY or DISTINCT ON means."""
    names = output_names(relation)
    if column.table or names.count(column.name.lower()) != 1:
        raise CoarseError(f"the column {column.sql('duckdb')} cannot be placed")
    return names.index(column.name.lower())


def output_names(relation: Relation) -> list[str]:
    """Give the names that a query itself gives to its outputs, in lower case."""
    while isinstance(relation, Combination):
        relation = relation.left
    if isinstance(relation, Selection):
        return [e.alias_or_name.lower() for e in relation.projections]
    return list(relation.names)


def orders_by_all(query: exp.Expr) -> bool:
    """Whether a query is sorted by all of its outputs, one after the other."""
    order = query.args.get("order")
    return order is not None and any(isinstance(n, exp.Var) and n.name.upper() == "ALL" for n in order.walk())
