"""The relations of a qualified query: what each column name stands for.

`relations_of` walks a tree that sqlglot has qualified and builds one `Relation` for each SELECT, set operation, table,
row generator and CTE; a CTE that is read twice is one relation with two readers. `Scopes.resolve` then says for any
column which source of which SELECT it is and at which position. The invariant: nothing is guessed. A clause, a node or
a name that is not understood raises `CoarseError`, and the caller falls back to whole tables.
Never done here: deciding which columns are needed, rewriting anything.
"""

from collections.abc import Iterator, Mapping

import msgspec
from sqlglot import exp

from relspec.core.inline import VIEW_MARK
from relspec.core.query import in_recursive_branch
from relspec.core.uses import QUERIES, CoarseError, Uses, uses_of


class Base(msgspec.Struct, eq=False):
    """A stored dataset, with its column names in lower case."""

    dataset: str
    names: tuple[str, ...]


class Rows(msgspec.Struct, eq=False):
    """VALUES, `unnest` or another row generator; its expressions belong to the SELECT that it stands in."""

    node: exp.Expr
    names: tuple[str, ...]
    reader: "Selection | None"


class Source(msgspec.Struct, eq=False):
    """One entry of a FROM clause. `names` are the columns as this SELECT sees them; `join` is `None` for the first."""

    alias: str
    relation: "Relation"
    names: tuple[str, ...]
    join: exp.Join | None
    _positions: dict[str, int | None] = msgspec.field(default_factory=dict)

    def position(self, name: str) -> int | None:
        """Give the place of the one column of this name: of a table of hundreds, each may be asked for."""
        if not self._positions:
            for i, each in enumerate(self.names):
                self._positions[each] = None if each in self._positions else i
        return self._positions.get(name)


class Selection(msgspec.Struct, eq=False):
    """One SELECT. `parent` is the SELECT around it, whose first `visible` sources it may see (`None`: all)."""

    node: exp.Select
    names: tuple[str, ...]
    parent: "Selection | None"
    visible: int | None
    sources: list[Source] = msgspec.field(default_factory=list)
    view: str | None = None

    @property
    def projections(self) -> list[exp.Expr]:
        """The output expressions by position."""
        expressions: list[exp.Expr] = self.node.expressions
        return expressions


class Combination(msgspec.Struct, eq=False):
    """A set operation; its columns are those of both sides by position."""

    node: exp.SetOperation
    left: "Relation"
    right: "Relation"
    names: tuple[str, ...]
    view: str | None = None
    recursive: "Recursion | None" = None


class Recursion(msgspec.Struct, eq=False):
    """What a recursive CTE sees of itself; `body` is set once its right branch is built."""

    names: tuple[str, ...]
    body: "Combination | None" = None


Relation = Base | Rows | Selection | Combination | Recursion


class Place(msgspec.Struct, frozen=True):
    """What a column name stands for: source number `index` of `selection`, at `position` of that source."""

    selection: Selection
    index: int
    position: int

    @property
    def source(self) -> Source:
        """The source itself."""
        return self.selection.sources[self.index]


class Around(msgspec.Struct, frozen=True):
    """Where a query stands: the CTEs that it may name, the SELECT around it, and how many of its sources it sees."""

    ctes: Mapping[str, Relation]
    parent: Selection | None = None
    visible: int | None = None

    def within(self, ctes: Mapping[str, Relation]) -> "Around":
        """The same place with other CTEs."""
        return Around(ctes, self.parent, self.visible)


_ENDINGS = {"order", "limit", "offset", "distinct"}
_SELECT_CLAUSES = frozenset(
    {"with_", "expressions", "from_", "joins", "where", "group", "having", "qualify", "windows"} | _ENDINGS
)
_SET_CLAUSES = frozenset({"with_", "this", "expression"} | _ENDINGS)
_JOIN_PARTS = frozenset({"this", "on", "side", "kind", "method"})


def only(node: exp.Expr, allowed: frozenset[str]) -> None:
    """Raise CoarseError where `node` has a part that is not in `allowed`."""
    for key, value in node.args.items():
        if value and key not in allowed:
            raise CoarseError(f"{type(node).__name__.upper()} with {key.strip('_')} is not understood")


class Scopes:
    """All relations of one query, and the meaning of every column in it."""

    def __init__(self, tables: Mapping[str, tuple[str, ...]]) -> None:
        self._tables = tables
        self._queries: dict[int, Relation] = {}
        self._uses: dict[int, Uses] = {}
        self._places: dict[int, Place] = {}
        self.bases: set[str] = set()
        self.views: list[Selection | Combination] = []
        self.selections: list[Selection] = []
        self.combinations: list[Combination] = []
        self.readers: dict[int, int] = {}

    def relation(self, query: exp.Expr) -> Relation:
        """Give the relation of a subquery that stands in an expression."""
        return self._queries[id(query)]

    def uses(self, node: exp.Expr) -> Uses:
        """Find the columns and subqueries directly in `node`; cached, since several walks ask."""
        found = self._uses.get(id(node))
        if found is None:
            found = self._uses[id(node)] = uses_of(node)
        return found

    def resolve(self, selection: Selection, column: exp.Column) -> Place:
        """Say what a qualified column stands for, seen from `selection`; the nearest scope wins."""
        place = self._places.get(id(column))
        if place is None:
            place = self._places[id(column)] = _resolved(selection, column)
        return place

    def build(self, query: exp.Expr, around: Around) -> Relation:
        """Build the relation of `query` and of everything in it."""
        with_ = query.args.get("with_")
        inner = around if with_ is None else around.within(self._with(with_, around))
        match query:
            case exp.Subquery():
                only(query, frozenset({"this", "alias", "with_"}))
                return self.build(query.this, inner)
            case exp.Select():
                return self._selection(query, inner)
            case exp.SetOperation():
                return self._combination(query, self.build(query.this, inner), inner)
            case exp.Values():
                return _plain_rows(query)
            case _:
                raise CoarseError(f"{type(query).__name__.upper()} is not understood")

    def _with(self, with_: exp.With, around: Around) -> dict[str, Relation]:
        only(with_, frozenset({"expressions", "recursive"}))
        known = dict(around.ctes)
        for cte in with_.expressions:
            only(cte, frozenset({"this", "alias", "materialized"}))
            relation = self._cte(cte, around.within(known))
            columns = _alias_columns(cte)
            if columns and not isinstance(relation, Base):
                relation.names = columns + relation.names[len(columns) :]
            known = {**known, cte.alias.lower(): relation}
        return known

    def _cte(self, cte: exp.CTE, around: Around) -> Relation:
        body = cte.this.unnest() if isinstance(cte.this, exp.Subquery) else cte.this
        if not _reads_itself(cte, body):
            return self.build(cte.this, around)
        if body is not cte.this or any(body.args.get(key) for key in ("order", "limit", "offset")):
            raise CoarseError("this form of recursive CTE is not understood")
        with_ = body.args.get("with_")
        inner = around if with_ is None else around.within(self._with(with_, around))
        left = self.build(body.this, inner)
        columns = _alias_columns(cte)
        recursion = Recursion(columns + left.names[len(columns) :])
        recursive = inner.within({**inner.ctes, cte.alias.lower(): recursion})
        whole = self._combination(body, left, recursive)
        recursion.body, whole.recursive = whole, recursion
        return whole

    def _combination(self, node: exp.SetOperation, left: Relation, around: Around) -> Combination:
        only(node, _SET_CLAUSES)
        right = self.build(node.expression, around)
        if len(left.names) != len(right.names):
            raise CoarseError("the two sides of a set operation differ in their number of columns")
        if any(self.uses(node.args[key]).queries for key in ("order", "limit", "offset") if node.args.get(key)):
            raise CoarseError("a subquery after a set operation is not understood")
        combination = Combination(node, left, right, left.names)
        self.combinations.append(combination)
        self._mark_view(combination)
        return combination

    def _mark_view(self, relation: Selection | Combination) -> None:
        if VIEW_MARK in relation.node.meta:
            relation.view = relation.node.meta[VIEW_MARK]
            self.views.append(relation)

    def _selection(self, node: exp.Select, around: Around) -> Selection:
        only(node, _SELECT_CLAUSES)
        names = tuple(e.alias_or_name.lower() for e in node.expressions)
        selection = Selection(node, names, around.parent, around.visible)
        self._mark_view(selection)
        self.selections.append(selection)
        from_ = node.args.get("from_")
        if from_ is not None:
            self._add_source(selection, from_.this, None, around.ctes)
        for join in node.args.get("joins") or ():
            only(join, _JOIN_PARTS)
            self._add_source(selection, join.this, join, around.ctes)
        inner = Around(around.ctes, selection)
        for part in expressions_of(selection):
            self._subqueries(part, inner)
        _check_aliases(selection)
        return selection

    def _subqueries(self, part: exp.Expr, around: Around) -> None:
        for query in self.uses(part).queries:
            if id(query) not in self._queries:
                self._queries[id(query)] = self.build(query, around)

    def _add_source(
        self, selection: Selection, item: exp.Expr, join: exp.Join | None, ctes: Mapping[str, Relation]
    ) -> None:
        relation = self._source_relation(item, Around(ctes, selection, len(selection.sources)))
        self.readers[id(relation)] = self.readers.get(id(relation), 0) + 1
        columns = _alias_columns(item)
        names = columns + relation.names[len(columns) :]
        selection.sources.append(Source(item.alias.lower(), relation, names, join))

    def _source_relation(self, item: exp.Expr, around: Around) -> Relation:
        match item:
            case exp.Table(this=exp.Identifier()):
                only(item, frozenset({"this", "db", "alias"}))
                return self._named(item, around.ctes)
            case exp.Subquery():
                return self.build(item, around)
            case exp.Lateral(this=exp.Subquery()):
                only(item, frozenset({"this", "alias"}))
                return self.build(item.this, around)
            case exp.Table() | exp.Unnest() | exp.Values() | exp.Lateral():
                only(item, frozenset({"this", "expressions", "alias"}))
                names = _value_names(item) if isinstance(item, exp.Values) else ()
                columns = _alias_columns(item)
                return Rows(item, columns + names[len(columns) :], around.parent)
            case _:
                raise CoarseError(f"{type(item).__name__.upper()} in FROM is not understood")

    def _named(self, table: exp.Table, ctes: Mapping[str, Relation]) -> Relation:
        name = table.name.lower()
        if table.db:
            self.bases.add(name)
            return Base(name, self._tables[name])
        if name not in ctes:
            raise CoarseError(f"the table name {name!r} is not understood here")
        return ctes[name]


def expressions_of(selection: Selection) -> Iterator[exp.Expr]:
    """Give every expression of a SELECT: its clauses, join conditions, row generators and projections."""
    yield from clauses_of(selection)
    yield from selection.projections


def clauses_of(selection: Selection) -> Iterator[exp.Expr]:
    """Give what a SELECT uses whichever of its outputs are wanted."""
    for source in selection.sources:
        if source.join is not None and source.join.args.get("on") is not None:
            yield source.join.args["on"]
        if isinstance(source.relation, Rows):
            yield source.relation.node
    for key in ("where", "group", "having", "qualify", "order", "limit", "offset", "distinct"):
        clause = selection.node.args.get(key)
        if isinstance(clause, exp.Expr):
            yield clause
    yield from selection.node.args.get("windows") or ()


def _resolved(selection: Selection, column: exp.Column) -> Place:
    table, name = column.table.lower(), column.name.lower()
    if not table or column.args.get("db") is not None or isinstance(column.this, exp.Star):
        raise CoarseError(f"the column {column.sql('duckdb')} cannot be placed")
    scope: Selection | None = selection
    limit: int | None = None
    while scope is not None:
        for index, source in enumerate(scope.sources[:limit]):
            if source.alias == table:
                return Place(scope, index, _position(source, name))
        limit, scope = scope.visible, scope.parent
    raise CoarseError(f"the column {column.sql('duckdb')} cannot be placed")


def _position(source: Source, name: str) -> int:
    position = source.position(name)
    if position is None:
        raise CoarseError(f"{source.alias} has no single column {name!r}")
    return position


def _check_aliases(selection: Selection) -> None:
    aliases = [s.alias for s in selection.sources]
    if len(set(aliases)) != len(aliases):
        raise CoarseError("two sources of one SELECT have the same name")


def _reads_itself(cte: exp.CTE, body: exp.Expr) -> bool:
    return any(
        not table.db and table.name.lower() == cte.alias.lower() and in_recursive_branch(table, cte)
        for table in body.find_all(exp.Table)
    )


def _alias_columns(node: exp.Expr) -> tuple[str, ...]:
    alias = node.args.get("alias")
    return tuple(c.name.lower() for c in alias.columns) if isinstance(alias, exp.TableAlias) else ()


def _plain_rows(node: exp.Values) -> Rows:
    if any(isinstance(part, (exp.Column, *QUERIES)) for part in node.walk()):
        raise CoarseError("VALUES with columns or subqueries is not understood here")
    return Rows(node, _value_names(node), None)


def _value_names(node: exp.Expr) -> tuple[str, ...]:
    first = node.expressions[0]
    width = len(first.expressions) if isinstance(first, exp.Tuple) else 1
    return tuple(f"col{i}" for i in range(width))
