"""Whether the result of a query is determined by the bags that it reads, and if not, by what, where, and what helps.

    relation -> its needed expressions -> each function by its behaviour -> is what ties settled? -> Finding

A function that picks, numbers or lists rows is harmless where the rows among which it has a choice cannot be told apart
by anything that is seen of them: `Settled` says so. LIMIT and DISTINCT ON are held to the same. What is not needed of a
query is not looked at. FSUM is no way out: it comes closer to the sum, and its last digit still hangs on the order.
Values that are equal and look different (0.0 and -0.0, 30 days and 1 month) count as the same here.
Never done here: deciding what a task's key is. A result that a query may give over the current bags stays current.
"""

from collections.abc import Iterable, Iterator

from sqlglot import exp

from relspec.core import sentences
from relspec.core.asof import compared_columns, is_asof, seen_columns
from relspec.core.behaviour import Behaviour, behaviour_of, is_read_without_order
from relspec.core.calls import Call, counts_rows, function_of, multiplies, names_of, nodes_of, window_parts
from relspec.core.clauses import bare, group_of, is_one_group, meant, parts_of, turns_around
from relspec.core.finding import ColumnsOf, Finding, Uniqueness
from relspec.core.floats import Floats
from relspec.core.inline import VIEW_MARK
from relspec.core.lineage import Needs, output_position
from relspec.core.places import Places
from relspec.core.scopes import Combination, Relation, Scopes, Selection, clauses_of
from relspec.core.sentences import Said
from relspec.core.settled import Settled
from relspec.core.uniqueness import Facts
from relspec.core.uses import QUERIES
from relspec.core.warning import WarningCode


class Repeatable:
    """The findings about one query whose names are all resolved."""

    def __init__(self, scopes: Scopes, needs: Needs, floats: Floats, places: Places) -> None:
        self._scopes = scopes
        self._needs = needs
        self._floats = floats
        self._places = places
        self._facts = Facts(scopes, floats)

    def findings(self) -> tuple[Finding, ...]:
        """Everything that is not determined, each once, by place."""
        relations: list[Selection | Combination] = [*self._scopes.selections, *self._scopes.combinations]
        reached = (relation for relation in relations if self._needs.reaches(relation))
        found = dict.fromkeys(finding for relation in reached for finding in self._of(relation))
        return tuple(sorted(found, key=lambda f: (f.line or 0, f.column or 0, f.code, f.message)))

    def uniqueness(self, root: Relation, names: tuple[str, ...]) -> Uniqueness:
        """What tells the rows of the whole result apart; `names` are those of its columns, in lower case."""
        known = self._facts.of(root)
        sets = tuple(tuple(names[i] for i in sorted(key)) for key in known.keys)
        return Uniqueness(sets, known.rows_of, tuple((names[i], there) for i, there in sorted(known.names.items())))

    def _of(self, relation: Selection | Combination) -> Iterator[Finding]:
        if isinstance(relation, Combination):
            yield from self._limited_combination(relation)
            return
        projections = [relation.projections[i] for i in self._needs.of(relation)]
        looked_at = [*_clauses_that_count(relation), *projections]
        seen = self._seen(relation, projections)
        for expression in looked_at:
            for node in nodes_of(expression) if self._scopes.uses(expression).calls else ():
                behaviour = behaviour_of(node)
                if behaviour is not None:
                    yield from self._of_function(Call(node, behaviour, relation), seen)
                elif isinstance(node, exp.Array) and any(isinstance(e, QUERIES) for e in node.expressions):
                    yield from self._of_array(node)
                elif isinstance(node, exp.Window):
                    yield from self._of_frame(node, relation, seen)
        yield from self._nearest(relation, projections)
        yield from self._limited(relation, projections)
        yield from self._chosen(relation, projections)

    def _seen(self, selection: Selection, projections: list[exp.Expr]) -> list[exp.Expr]:
        """What can be told of a row after WHERE: needed outputs, QUALIFY, and an ORDER BY that counts."""
        node = selection.node
        clauses = [node.args.get("qualify"), node.args.get("distinct"), *(node.args.get("windows") or ())]
        clauses += [node.args.get("order")] if _is_limited(node) or _is_distinct_on(node) else []
        return [*projections, *(c for c in clauses if isinstance(c, exp.Expr))]

    def _of_function(self, use: Call, seen: list[exp.Expr]) -> Iterator[Finding]:
        match use.behaviour:
            case Behaviour.CLOCK:
                yield sentences.clock(use.name).at(self._place(use.node))
            case Behaviour.RANDOM:
                yield sentences.chance(use.name).at(self._place(use.node))
            case Behaviour.APPROXIMATE:
                yield sentences.approximation(use.name).at(self._place(use.node))
            case Behaviour.NUMBERING | Behaviour.PICKING:
                yield from self._of_window_function(use, seen)
            case _:
                yield from self._of_aggregate(use)

    def _of_aggregate(self, use: Call) -> Iterator[Finding]:
        if use.behaviour is Behaviour.LIST and is_read_without_order(use.outermost):
            return
        if use.behaviour is Behaviour.SUM and not any(self._floats.may_be(a, use.owner) for a in use.arguments):
            return
        wanted = use.arguments[:1] if use.behaviour in _BY_FIRST_ARGUMENT else use.arguments
        open_, unless = self._ties(self._settled(use), wanted)
        if open_:
            yield _words(use, open_).at(self._place(use.node), unless)

    def _settled(self, use: Call) -> Settled:
        """What is settled about the rows among which an aggregate chooses, by its groups or window and its order."""
        given = list(use.order)
        if use.behaviour is Behaviour.EXTREME:
            given += use.arguments[1:2]
        if use.window is not None:
            partition, order, _ = window_parts(use.window, use.owner)
            return Settled(self._facts, use.owner, [*given, *partition, *order])
        home = self._home(use)
        group = group_of(self._scopes, home)
        keys = () if group is None or group.sets else group.keys
        return Settled(self._facts, home, [*given, *keys], ungrouped=True)

    def _home(self, use: Call) -> Selection:
        """The SELECT whose rows an aggregate is over: the innermost of those whose columns it names."""
        columns = [c for part in (*use.arguments, *use.order) for c in self._scopes.uses(part).columns if c.table]
        named = {id(self._scopes.resolve(use.owner, column).selection) for column in columns}
        home: Selection | None = use.owner
        while home is not None and id(home) not in named:
            home = home.parent
        return use.owner if home is None else home

    def _of_window_function(self, use: Call, seen: list[exp.Expr]) -> Iterator[Finding]:
        if use.window is None:
            return
        partition, order, spec = window_parts(use.window, use.owner)
        settled = Settled(self._facts, use.owner, [*partition, *order])
        picks = use.behaviour is Behaviour.PICKING and not counts_rows(spec)
        open_, unless = self._ties(settled, use.arguments[:1] if picks else seen)
        if open_:
            yield self._window_finding(use.node, use.name, order, open_, unless)

    def _of_frame(self, window: exp.Window, owner: Selection, seen: list[exp.Expr]) -> Iterator[Finding]:
        """A frame that counts rows: which of several tied ones are in it is open."""
        partition, order, spec = window_parts(window, owner)
        function = function_of(window)
        if not counts_rows(spec) or behaviour_of(function) in (Behaviour.NUMBERING, Behaviour.PICKING):
            return
        open_, unless = self._ties(Settled(self._facts, owner, [*partition, *order]), seen)
        if open_:
            yield self._window_finding(function, "a frame of ROWS", order, open_, unless)

    def _window_finding(
        self, node: exp.Expr, what: str, order: list[exp.Expr], open_: list[exp.Expr], unless: tuple[ColumnsOf, ...]
    ) -> Finding:
        by = f"ties in {names_of(order)}" if order else "rows without an order"
        message = f"{what} depends on how {by} happen to come"
        said = Said(WarningCode.WINDOW_TIES, message, f"add {names_of(open_)} to the window's ORDER BY")
        return said.at(self._place(node), unless)

    def _of_array(self, array: exp.Expr) -> Iterator[Finding]:
        for query in array.expressions:
            relation = self._scopes.relation(query)
            open_, unless = (
                self._row_ties(relation, _order_keys(relation), relation.projections)
                if isinstance(relation, Selection)
                else ([query], ())
            )
            if open_:
                message = "ARRAY(...) keeps the order in which the rows of its query happen to come"
                hint = f"add {names_of(open_)} to an ORDER BY of that query"
                yield Said(WarningCode.LIST_ORDER, message, hint).at(self._place(query), unless)

    def _nearest(self, selection: Selection, projections: list[exp.Expr]) -> Iterator[Finding]:
        """An ASOF join takes one of the nearest rows; which is open, unless all that is seen of them is the same."""
        counts = _is_limited(selection.node) or _is_distinct_on(selection.node)
        for index, source in enumerate(selection.sources):
            if source.join is None or not is_asof(source.join):
                continue
            compared = compared_columns(self._scopes, selection, index)
            open_ = seen_columns(selection, index, projections, () if counts else ("order",)) - compared
            # A row that nobody took comes out too: there it matters which of those that tie it was.
            open_ |= set(range(len(source.names))) - compared if source.join.side in ("RIGHT", "FULL") else set()
            known = self._facts.of(source.relation)
            if open_ and not any(key <= compared for key in known.keys):
                columns = tuple(sorted(known.names[p] for p in compared if p in known.names))
                unless = ((known.rows_of, columns),) if known.rows_of is not None and columns else ()
                place = None if _is_inlined(selection.node) else self._places.of_word("asof")
                others = names_of(exp.column(source.names[p]) for p in sorted(open_))
                yield sentences.nearest(source.alias, others).at(place, unless)

    def _row_ties(
        self, selection: Selection, given: list[exp.Expr], wanted: list[exp.Expr]
    ) -> tuple[list[exp.Expr], tuple[ColumnsOf, ...]]:
        """What `_ties` gives for the rows that come out of a SELECT, of which an output may have made several of one.

        Those tie in everything but the outputs that make them, and what is unique in a source does not help.
        """
        made = [] if self._has_one_row(selection) else [p for p in wanted if multiplies([p])]
        keys = {part for key in given for part in parts_of(meant(selection, key))}
        free = [p for p in made if bare(p) not in keys]
        open_, unless = self._ties(Settled(self._facts, selection, given), wanted)
        return ([*dict.fromkeys([*open_, *free])], ()) if free else (open_, unless)

    def _has_one_row(self, selection: Selection) -> bool:
        """Whether there is at most one row before outputs make more of it, which come in an order of their own."""
        relations = (source.relation for source in selection.sources)
        single = all(frozenset() in self._facts.of(relation).keys for relation in relations)
        return is_one_group(self._scopes, selection) or (single and not turns_around(selection))

    def _limited(self, selection: Selection, projections: list[exp.Expr]) -> Iterator[Finding]:
        if not _is_limited(selection.node):
            return
        order = _order_keys(selection)
        on = _on_keys(selection.node)
        open_, unless = self._row_ties(selection, [*order, *on], projections)
        if open_:
            yield self._limit_finding(selection, order, open_, unless)

    def _limited_combination(self, combination: Combination) -> Iterator[Finding]:
        if not _is_limited(combination.node):
            return
        order = combination.node.args.get("order")
        keys = [] if order is None else [bare(key) for key in order.expressions]
        if any(_is_all(key) for key in keys):
            return
        given = {p for key in keys if (p := _position(combination, key)) is not None}
        unique = self._facts.of(combination).keys
        open_ = [p for p in self._needs.of(combination) if p not in given]
        if open_ and not any(key <= given for key in unique):
            columns = [exp.column(combination.names[p]) for p in open_]
            yield self._limit_finding(combination, keys, columns, ())

    def _limit_finding(
        self,
        relation: Selection | Combination,
        order: list[exp.Expr],
        open_: Iterable[exp.Expr],
        unless: tuple[ColumnsOf, ...],
    ) -> Finding:
        place = None if _is_inlined(relation.node) else self._places.of_limit(relation.node)
        if not order:
            return sentences.any_rows(names_of(open_)).at(place, unless)
        message = f"LIMIT takes some of the rows that tie in {names_of(order)}, and which ones is open"
        return Said(WarningCode.PARTIAL_ORDER, message, f"add {names_of(open_)} to ORDER BY").at(place, unless)

    def _chosen(self, selection: Selection, projections: list[exp.Expr]) -> Iterator[Finding]:
        on = _on_keys(selection.node)
        if not on:
            return
        open_, unless = self._row_ties(selection, [*on, *_order_keys(selection)], projections)
        if open_:
            place = None if _is_inlined(selection.node) else self._places.of_word("distinct")
            message = f"DISTINCT ON keeps one of the rows that tie in {names_of(on)}, and which one is open"
            hint = f"add {names_of(open_)} to ORDER BY, behind the keys of DISTINCT ON"
            yield Said(WarningCode.DISTINCT_ON, message, hint).at(place, unless)

    def _ties(self, settled: Settled, wanted: Iterable[exp.Expr]) -> tuple[list[exp.Expr], tuple[ColumnsOf, ...]]:
        """What of `wanted` may differ between tied rows, and what would have to be unique so that it does not."""
        open_ = settled.unsettled(wanted)
        return open_, settled.assuming(open_) if open_ else ()

    def _place(self, node: exp.Expr) -> tuple[int, int] | None:
        return None if _is_inlined(node) else self._places.of(node)


#: Of these only the first argument is what is taken; the others say how.
_BY_FIRST_ARGUMENT = frozenset({Behaviour.FIRST, Behaviour.EXTREME, Behaviour.MODE})


def _words(use: Call, open_: list[exp.Expr]) -> Said:
    names = names_of(open_)
    match use.behaviour:
        case Behaviour.LIST:
            message = f"{use.name} keeps the order in which rows happen to come"
            return Said(
                WarningCode.LIST_ORDER, message, f"write ORDER BY {names} within the call, behind its arguments"
            )
        case Behaviour.SUM | Behaviour.MOMENT:
            message = f"{use.name} sums floating-point numbers, and the last digits depend on the order of the rows"
            hint = f"cast {names} to a DECIMAL within the call: their sum is exact"
            if use.behaviour is Behaviour.MOMENT:
                hint = "it has no exact form: round the result, and allow it with `-- relspec: allow=float-sum`"
            return Said(WarningCode.FLOAT_SUM, message, hint)
        case Behaviour.EXTREME:
            message = f"{use.name} takes any of the rows that tie in {names_of(use.arguments[1:2])}"
            return Said(WarningCode.FIRST_OF_MANY, message, f"make it the largest of a pair: ({_pair(use)})")
        case Behaviour.MODE:
            message = f"{use.name} takes any of the values that are equally frequent"
            return Said(WarningCode.FIRST_OF_MANY, message, f"write ORDER BY {names} within the call")
        case _:
            message = f"{use.name} takes the value of any row"
            hint = f"use MIN or MAX, or write ORDER BY {names} within the call"
            return Said(WarningCode.FIRST_OF_MANY, message, hint)


def _pair(use: Call) -> str:
    return ", ".join(a.sql("duckdb", comments=False) for a in (*use.arguments[1:2], *use.arguments[:1]))


def _is_inlined(node: exp.Expr) -> bool:
    """Whether a node came with a view."""
    at: exp.Expr | None = node
    while at is not None:
        if VIEW_MARK in at.meta:
            return True
        at = at.parent
    return False


def _clauses_that_count(selection: Selection) -> Iterator[exp.Expr]:
    """The clauses of a SELECT, its ORDER BY only where it decides about rows."""
    order = selection.node.args.get("order")
    counts = _is_limited(selection.node) or _is_distinct_on(selection.node)
    windows = selection.node.args.get("windows") or ()
    for clause in clauses_of(selection):
        if (clause is not order or counts) and not any(clause is w for w in windows):
            yield clause


def _is_limited(node: exp.Expr) -> bool:
    return any(node.args.get(key) is not None for key in ("limit", "offset"))


def _is_distinct_on(node: exp.Expr) -> bool:
    return bool(_on_keys(node))


def _on_keys(node: exp.Expr) -> list[exp.Expr]:
    distinct = node.args.get("distinct")
    on = distinct.args.get("on") if isinstance(distinct, exp.Expr) else None
    return [] if on is None else list(parts_of(on))


def _order_keys(selection: Selection) -> list[exp.Expr]:
    order = selection.node.args.get("order")
    keys = [] if order is None else [bare(key) for key in order.expressions]
    return [p.unalias() for p in selection.projections] if any(_is_all(key) for key in keys) else keys


def _is_all(key: exp.Expr) -> bool:
    return isinstance(key, exp.Var) and key.name.upper() == "ALL"


def _position(combination: Combination, key: exp.Expr) -> int | None:
    if isinstance(key, exp.Literal) and key.is_int:
        return int(key.name) - 1
    return output_position(combination, key) if isinstance(key, exp.Column) and not key.table else None
