"""The canonical form of a query: equal digests only for queries that give the same rows.

"Same rows" is meant as a bag, whenever both succeed: an error is not a result. Where the bags that are read do not
determine the result (a limit without a total order), it is one that the query may give. The form is our own and has a
version; whatever changes a digest changes the version too.

What is in: the tables that are read, how they are joined, every expression that decides about rows or about a needed
column, DISTINCT, LIMIT, ORDER BY wherever it is written, set operations, and the outputs in their order. Names and
types of outputs and required columns are not in here: the plan's fingerprint has them.

What is out, and why that is right:

- layout, comments, case of keywords, redundant parentheses: none is in the tree, once parsers agree (`precedence.py`);
- names of aliases, CTEs and inner columns: a column is named by source and by what it computes;
- whether a query stands in FROM, is a CTE that is read once, or is merged by hand: a source that only filters and
  computes dissolves into the SELECT around it, where that keeps rows apart as they were (`merging.py`);
- columns that no one needs, save where they decide about rows (`lineage.py`);
- the order of what is a set: conditions, operands, lists of literals (`terms.py`), columns inside, keys of GROUP BY,
  sources that are joined by inner joins alone;
- whether a condition of an inner join stands in ON, USING or WHERE, where all joins are inner.

The last two items of a set change in which order rows come, so they count where order can show (`commuting.py`). A CTE
does not, though the engine may join in another order behind it: of 1,246 equal pairs under a limit without an order, a
list or a row number, 2 gave other rows, both for that reason.
Nothing moves or is merged that may answer anew each time (`functions.py`).

What stays in though it could go: literals that would have to be computed beside a type that is not known, `x IN (1)`
against `x = 1`, NOT and De Morgan, outer joins that a filter makes inner ones, DISTINCT over keys, a CTE read twice
against two subqueries, sides of UNION ALL, expressions in another form. Each costs a needless run, never a stale table.

A query becomes blocks. A block is one SELECT after merging: its sources by number, its conditions as a set, its
clauses, and its needed outputs. A CTE that is read twice stays one thing, computed once.
Never done here: changing what executes.
"""

from collections.abc import Iterator, Mapping

import msgspec
from msgspec.structs import replace
from sqlglot import _version, exp

from relspec.core.digest import digest_of
from relspec.core.expressions import Expressions, Owner
from relspec.core.lineage import Needs, orders_by_all, output_position
from relspec.core.merging import INNER, Merging, join_kind
from relspec.core.plan import CANONICAL_FORMAT, COLUMN_ASPECT, INNER_ASPECT, Aspect
from relspec.core.query import DUCKDB
from relspec.core.schema import Schema
from relspec.core.scopes import Base, Combination, Recursion, Relation, Rows, Scopes, Selection
from relspec.core.terms import BaseKeys, Term, as_set, column, connected, folded
from relspec.core.uses import CoarseError
from relspec.core.wording import plain_word

#: What a tree of sqlglot means is settled by its version: digests of two versions are never compared.
_FORMAT = f"{CANONICAL_FORMAT}, sqlglot {_version.__version__}"

#: The body of a relation, and the key of each needed output by position.
_Written = tuple[Term, dict[int, Term]]


class Canonical(msgspec.Struct, frozen=True):
    """The identity of a query, and the parts that it is made of: one walk gives both, so that they cannot disagree."""

    digest: str
    aspects: tuple[Aspect, ...]


def canonical_form(
    scopes: Scopes, needs: Needs, root: Relation, inputs_outputs: tuple[Mapping[str, Schema], Schema], *, ordered: bool
) -> Canonical:
    """Hash the canonical form of a query whose names are all resolved, from the schemas of its inputs to its own.

    `ordered` says that the order of rows shows.
    """
    schemas, given = inputs_outputs
    body, keys = _Writer(scopes, needs, schemas, ordered).relation(root, 0)
    outputs = [keys[i].digest for i in range(len(given.columns))]
    columns = ((COLUMN_ASPECT + c.name, digest) for c, digest in zip(given.columns, outputs, strict=True))
    return Canonical(digest_of(_FORMAT, body.digest, *outputs), (*_clauses_of(body, frozenset(outputs)), *columns))


def _clauses_of(body: Term, outputs: frozenset[str]) -> Iterator[Aspect]:
    """Name the parts of a query other than its outputs; of a query over one subquery, also those of the subquery."""
    depth = ""
    inner: Term | None = body
    while inner is not None:
        body, inner = inner, _only_source(inner)
        for name, digests in _named_parts(body, outputs).items():
            if inner is None or name != "from":
                yield depth + name, digest_of(name, *digests)
        depth += INNER_ASPECT


def _named_parts(body: Term, outputs: frozenset[str]) -> dict[str, list[str]]:
    """The digests of a body's parts by name; what has no name of its own belongs to the one before it."""
    name, named = "queries", dict[str, list[str]]()
    for part in body.parts:
        if isinstance(part, str):
            name = part
            named.setdefault(name, [])
        elif part.op != "outputs" and part.digest not in outputs:
            named.setdefault(part.op if part.op in ("from", "where") else name, []).append(part.digest)
    return named


def _only_source(body: Term) -> Term | None:
    """The block that a block reads, if it reads nothing else."""
    first = body.parts[0] if body.op == "block" else None
    sources = first.parts if isinstance(first, Term) else ()
    if len(sources) != 1 or not isinstance(sources[0], Term):
        return None
    source = sources[0].parts[0]
    return source if isinstance(source, Term) and source.op == "block" else None


def plain_digest(sql: str, schemas: Mapping[str, Schema]) -> str:
    """Hash a query of which nothing is proved: its tokens, and the ordered columns of all that it reads.

    The order of columns counts here, because a star in a set operation goes by position.
    """
    parts = [_FORMAT, "plain"]
    for token in DUCKDB.tokenize(sql):
        parts += [token.token_type.name, plain_word(sql[token.start : token.end + 1])]
    for name in sorted(schemas):
        parts += ["input", name, *(x for c in schemas[name].columns for x in (c.name, c.type))]
    return digest_of(*parts)


class _Slot(msgspec.Struct, frozen=True):
    """A source that stayed one: number `index` of the block at `depth`, with the keys of its columns by position."""

    depth: int
    index: int
    keys: Mapping[int, Term]
    types: tuple[str, ...]


class _Scoped(msgspec.Struct, frozen=True):
    """An expression with the SELECT in which its names mean something."""

    expression: exp.Expr
    selection: Selection


class _Entry(msgspec.Struct, frozen=True):
    """A source of a block: how it is joined to those before it, and on what; `place` is its key among the bound."""

    place: tuple[int, int]
    source: Term
    kind: str
    condition: _Scoped | None


class _Block(msgspec.Struct):
    """A SELECT with all that dissolved into it."""

    depth: int
    entries: list[_Entry] = msgspec.field(default_factory=list)
    filters: list[_Scoped] = msgspec.field(default_factory=list)


class _Writer:
    def __init__(self, scopes: Scopes, needs: Needs, schemas: Mapping[str, Schema], ordered: bool) -> None:
        self._ordered = ordered
        self._scopes = scopes
        self._needs = needs
        self._merging = Merging(scopes, needs)
        self._types = {name: tuple(c.type for c in schemas[name].columns) for name in scopes.bases}
        self._expressions = Expressions(self._column, self._query)
        self._bound: dict[tuple[int, int], _Slot | Selection] = {}
        self._replaced: dict[tuple[int, int], Term] = {}
        self._outputs: dict[int, Mapping[int, Term]] = {}
        self._closed: dict[int, _Written] = {}
        self._ordinals: dict[int, int] = {}

    def relation(self, relation: Relation, depth: int) -> _Written:
        """Write a relation whose block is at `depth`."""
        if id(relation) in self._closed:
            return self._closed[id(relation)]
        body, keys = self._fresh(relation, depth)
        if self._scopes.readers.get(id(relation), 0) > 1 and not isinstance(relation, Recursion):
            body = Term("shared", (self._ordinal(relation), body))
            if body.reach < 0:
                self._closed[id(relation)] = body, keys
        return body, keys

    def _fresh(self, relation: Relation, depth: int) -> _Written:
        match relation:
            case Selection() if self._merging.chooses_only(relation):
                return self._chosen(relation, depth)
            case Selection():
                return self._selection(relation, depth)
            case Combination():
                return self._combination(relation, depth)
            case Recursion():
                return Term("self", (self._ordinal(relation),)), _numbered(relation)
            case Rows(node=node):
                return self._expressions.parts(node, None, depth, _NAMES), _numbered(relation)
            case Base():
                raise CoarseError("a table outside of FROM is not understood")

    def _ordinal(self, relation: Relation) -> str:
        return str(self._ordinals.setdefault(id(relation), len(self._ordinals)))

    def _combination(self, relation: Combination, depth: int) -> _Written:
        if relation.recursive is not None:
            # The number is given before the branches are written, since the right one refers to it.
            self._ordinal(relation.recursive)
        left, left_keys = self.relation(relation.left, depth)
        right, right_keys = self.relation(relation.right, depth)
        keys = {i: _paired(left_keys[i], right_keys[i]) for i in self._needs.of(relation)}
        if relation.recursive is not None:
            keys = {i: Term("pair", (str(i), key)) for i, key in keys.items()}
        self._outputs[id(relation)] = keys
        node = relation.node
        kind = type(node).__name__ if relation.recursive is None else "Recursive"
        parts: list[Term | str] = [left, right, "distinct" if node.args.get("distinct") else "all"]
        parts += self._named_parts(node, ("order", "limit", "offset"), relation, depth)
        return Term(kind, [*parts, *as_set(keys.values())]), keys

    def _chosen(self, selection: Selection, depth: int) -> _Written:
        """Write a SELECT that only chooses columns of one subquery as that subquery."""
        body, inner = self.relation(selection.sources[0].relation, depth)
        keys = {}
        for position in self._needs.of(selection):
            projection = selection.projections[position].unalias()
            assert isinstance(projection, exp.Column)
            keys[position] = inner[self._scopes.resolve(selection, projection).position]
        return body, keys

    def _selection(self, selection: Selection, depth: int) -> _Written:
        block = _Block(depth)
        self._gather(selection, block, "", None)
        if not self._ordered:
            self._sort(block)
        keys = self._keys(selection, depth)
        self._outputs[id(selection)] = keys
        joined, filters = self._joined(block)
        parts: list[Term | str] = [Term("from", joined), Term("where", filters)]
        parts += self._clauses(selection, depth)
        if orders_by_all(selection.node):
            # Outputs are a set, and this is the one clause that goes by their order.
            parts += ["in order", *(keys[i] for i in sorted(keys))]
        body = Term("block", [*parts, Term("outputs", as_set(keys.values()))])
        body.reach -= 1
        return body, keys

    def _gather(self, selection: Selection, block: _Block, kind: str, condition: _Scoped | None) -> None:
        """Collect sources and filters, depth first; `kind` and `condition` say how the first source is joined."""
        for index, source in enumerate(selection.sources):
            relation = source.relation
            if source.join is not None:
                on = source.join.args.get("on")
                kind, condition = join_kind(source.join), None if on is None else _Scoped(on, selection)
            if isinstance(relation, Selection) and self._merging.dissolves(selection, index):
                self._bound[id(selection), index] = relation
                self._gather(relation, block, kind, condition)
            else:
                source_term, slot = self._slot(relation, block)
                self._bound[id(selection), index] = slot
                block.entries.append(_Entry((id(selection), index), source_term, kind, condition))
        where = selection.node.args.get("where")
        if where is not None:
            block.filters.append(_Scoped(where.this, selection))

    def _sort(self, block: _Block) -> None:
        """Put sources that are joined in one inner join into the order of their digests, where none sees another."""
        entries = block.entries
        if any(e.kind not in INNER or not e.source.stable or e.source.reach >= 0 for e in entries):
            return
        # Equal sources keep their order: any numbering is right, since what names them follows it.
        entries.sort(key=lambda e: e.source.digest)
        for index, entry in enumerate(entries):
            slot = self._bound[entry.place]
            assert isinstance(slot, _Slot)
            self._bound[entry.place] = replace(slot, index=index)

    def _slot(self, relation: Relation, block: _Block) -> tuple[Term, _Slot]:
        depth, index = block.depth, len(block.entries)
        match relation:
            case Base(dataset=dataset, names=names):
                return Term("table", (dataset,)), _Slot(depth, index, BaseKeys(names), self._types[dataset])
            case Rows(node=node, reader=Selection() as reader):
                term = self._expressions.parts(node, reader, depth, _NAMES)
                return term, _Slot(depth, index, _numbered(relation), ())
            case _:
                body, keys = self.relation(relation, depth + 1)
                return body, _Slot(depth, index, keys, ())

    def _joined(self, block: _Block) -> tuple[list[Term], list[Term]]:
        """Write the sources and the filters of a block; conditions of inner joins are filters where all are."""
        filters = block.filters
        conditions = [e.condition for e in block.entries]
        if all(e.kind in INNER for e in block.entries):
            filters = [c for c in conditions if c is not None] + filters
            conditions = [None] * len(conditions)
        joined = [
            Term("source", (e.source, e.kind, *self._conditions([] if c is None else [c], block.depth)))
            for e, c in zip(block.entries, conditions, strict=True)
        ]
        return joined, self._conditions(filters, block.depth)

    def _conditions(self, scoped: list[_Scoped], depth: int) -> list[Term]:
        terms = [self._expressions.term(s.expression, s.selection, depth) for s in scoped]
        whole = connected("And", terms)
        return [p for p in whole.parts if isinstance(p, Term) and p.digest != _TRUE.digest]

    def _keys(self, selection: Selection, depth: int) -> dict[int, Term]:
        keys: dict[int, Term] = {}
        n_unstable = 0
        for position in self._needs.of(selection):
            term = folded(self._expressions.term(selection.projections[position].unalias(), selection, depth))
            if not term.stable:
                # Two calls of random() are two columns, though their terms are equal.
                term = Term("output", (str(n_unstable), term))
                n_unstable += 1
            keys[position] = term
        return keys

    def _clauses(self, selection: Selection, depth: int) -> list[Term | str]:
        node = selection.node
        parts: list[Term | str] = []
        if any(self._scopes.uses(p).aggregates for p in selection.projections):
            # An aggregate makes one row of many even when nobody reads it.
            parts.append("aggregated")
        group = node.args.get("group")
        if group is not None:
            parts += ["group", self._group(group, selection, depth)]
        for key in ("having", "qualify"):
            if node.args.get(key) is not None:
                parts += [key, Term("all", self._conditions([_Scoped(node.args[key].this, selection)], depth))]
        if node.args.get("windows"):
            parts += ["windows", *(self._expressions.term(w, selection, depth) for w in node.args["windows"])]
        return parts + self._named_parts(node, ("distinct", "order", "limit", "offset"), selection, depth)

    def _group(self, group: exp.Expr, selection: Selection, depth: int) -> Term:
        keys = [self._expressions.term(e, selection, depth) for e in group.expressions]
        is_plain = not any(v for k, v in group.args.items() if k != "expressions")
        if is_plain and not self._ordered and all(k.stable for k in keys):
            return Term("keys", as_set(keys))
        return self._expressions.term(group, selection, depth)

    def _named_parts(self, node: exp.Expr, names: tuple[str, ...], owner: Owner, depth: int) -> list[Term | str]:
        parts: list[Term | str] = []
        for name in names:
            if isinstance(node.args.get(name), exp.Expr):
                parts += [name, self._expressions.term(node.args[name], owner, depth)]
        return parts

    def _column(self, node: exp.Column, owner: Owner, depth: int) -> Term:
        """Write what a column stands for: an output, a column of a source, or an expression that dissolved."""
        if not node.table and owner is not None:
            return self._outputs[id(owner)][output_position(owner, node)]
        if not isinstance(owner, Selection):
            raise CoarseError(f"the column {node.sql('duckdb')} cannot be placed")
        place = self._scopes.resolve(owner, node)
        bound = self._bound[id(place.selection), place.index]
        if isinstance(bound, Selection):
            return self._replacement(bound, place.position, depth)
        key = bound.keys[place.position]
        name = str(key.parts[0]) if key.op in ("base", "position") else key.digest
        type_ = bound.types[place.position] if bound.types else key.type
        return column(depth - bound.depth, bound.index, name, type_)

    def _replacement(self, selection: Selection, position: int, depth: int) -> Term:
        projection = selection.projections[position]
        term = self._replaced.get((id(projection), depth))
        if term is None:
            term = folded(self._expressions.term(projection.unalias(), selection, depth))
            if term.reach < 0:
                # A literal adapts its type to its neighbours, a column that holds it does not.
                term = Term("constant", (term,))
            self._replaced[id(projection), depth] = term
        return term

    def _query(self, node: exp.Expr, depth: int) -> Term:
        relation = self._scopes.relation(node)
        body, keys = self.relation(relation, depth + 1)
        return Term("subquery", (body, *(Term("key", (keys[i].digest,)) for i in sorted(keys))))


_NAMES = frozenset({"alias"})
_TRUE = Term("Boolean", ("this", Term("is", ("True",))))


def _paired(left: Term, right: Term) -> Term:
    return Term("pair", (left, right), type_=left.type if left.type == right.type else "")


def _numbered(relation: Relation) -> dict[int, Term]:
    return {i: Term("position", (str(i),)) for i in range(len(relation.names))}
