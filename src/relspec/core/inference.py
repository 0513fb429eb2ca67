"""What a query reads, where its outputs come from, and its identity: the whole analysis of one query text.

The text is parsed once. What executes is spliced from it (`inline.py`); what is analysed is a copy of the tree with
views inlined and every name resolved by sqlglot's `qualify`. From that, `scopes.py` finds the relations, `lineage.py`
the needed columns, `canonical.py` the identity. Where any of these is not sure, everything falls back together: all
columns of all inputs, and an identity that changes with any change of the text but its formatting. The reason is kept
in `coarse`. A doubtful analysis costs a needless run, never a stale table.
Never done here: types and errors of SQL; the engine's binder knows those.
"""

import re
from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from relspec.core.canonical import Canonical, canonical_form, plain_digest
from relspec.core.commuting import order_shows
from relspec.core.doubt import doubt_after, doubt_before, doubt_of_mentions, prepare
from relspec.core.finding import UNKNOWN, Repeatability
from relspec.core.floats import Floats
from relspec.core.inline import Splice, inline, spliced, splices
from relspec.core.lineage import Needs
from relspec.core.losses import lost_literals, lost_names
from relspec.core.places import Places
from relspec.core.plan import Aspect, LineageRow
from relspec.core.precedence import has_doubts
from relspec.core.problem import Code
from relspec.core.query import DUCKDB, Query, QueryTrouble, Reader, parse_query, place_of
from relspec.core.repeatable import Repeatable
from relspec.core.schema import Schema
from relspec.core.scopes import Around, Relation, Scopes
from relspec.core.stars import straighten, unfold
from relspec.core.suggest import closest
from relspec.core.unproved import plain_findings
from relspec.core.uses import CoarseError
from relspec.core.warning import WarningCode
from relspec.core.work import ViewQuery

# On shapes that it does not expect, the optimiser trips over its own assumptions instead of saying so.
_MISHAPS = (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError)

#: A dataset with the columns that a query needs of it, in the schema's spelling and order.
Use = tuple[str, tuple[str, ...]]


class Inference(msgspec.Struct, frozen=True):
    """What is known of one query.

    `sql` is what executes, made by `splices` of the first `length` characters of the text. `canonical` is the digest of
    the canonical form, `aspects` are its parts. `inputs` are stored datasets with the columns required of each (none:
    only the number of rows counts); `views` the inlined views with the columns used. `lineage` has a row for each
    output. `coarse` says why the analysis fell back to whole tables, or is `None`. `repeatability` says how far the
    rows that are read determine the result.
    """

    sql: str
    canonical: str
    aspects: tuple[Aspect, ...]
    inputs: tuple[Use, ...]
    views: tuple[Use, ...]
    lineage: tuple[LineageRow, ...]
    coarse: str | None
    repeatability: Repeatability
    splices: tuple[Splice, ...] = ()
    length: int = 0


class _Subject(msgspec.Struct, frozen=True):
    """A parsed query with the datasets that it may read: schemas and views by lower-case name, and names as stored.

    `read` gives the queries of the views.
    """

    query: Query
    read: Reader
    schemas: Mapping[str, Schema]
    stored: Mapping[str, str]
    views: Mapping[str, ViewQuery]


def infer(
    text: str,
    schemas: Mapping[str, Schema],
    views: Mapping[str, ViewQuery],
    outputs: Schema,
    read: Reader = parse_query,
) -> Inference | QueryTrouble:
    """Analyse one query text against stored datasets, views, and the output schema that the binder gave for it.

    Cost: a few milliseconds for a query of a screenful.
    """
    query = read(text)
    if isinstance(query, QueryTrouble):
        return query
    subject = _Subject(
        query,
        read,
        {name.lower(): schema for name, schema in schemas.items()},
        {name.lower(): name for name in schemas},
        {name.lower(): view for name, view in views.items()},
    )
    unknown = _unknown(subject)
    if unknown is not None:
        return unknown
    edits = splices(query, subject.views, subject.stored)
    sql = spliced(query.text, edits)
    try:
        found = _precise(subject, sql, outputs)
    except (CoarseError, SqlglotError, RecursionError) as error:
        found = _coarse(subject, sql, outputs, _reason(error))
    return replace(found, splices=edits, length=len(query.text))


def _unknown(subject: _Subject) -> QueryTrouble | None:
    known = subject.stored.keys() | subject.views.keys()
    for mention in subject.query.mentions:
        if mention.name.lower() not in known:
            near = closest(mention.name, [*subject.stored.values(), *(v.dataset for v in subject.views.values())])
            hint = f"did you mean {near!r}?" if near else None
            message = f"there is no dataset {mention.name!r}"
            return QueryTrouble(Code.UNKNOWN_DATASET, message, *place_of(subject.query.text, mention.start), hint)
    return None


def _precise(subject: _Subject, sql: str, outputs: Schema) -> Inference:
    tree, is_clear = _trusted(subject, sql)
    dotted = prepare(tree)
    tree = _qualified(subject, tree)
    scopes = Scopes({name: _lower_names(schema) for name, schema in subject.schemas.items()})
    root = scopes.build(tree, Around({}))
    _check_outputs(root, outputs)
    _refuse(doubt_after(scopes, tree, dotted, bool(dotted) and _may_have_json(subject, sql)))
    needs = Needs(scopes, root)
    ordered = order_shows(scopes, tree, subject.schemas)
    if is_clear:
        form = canonical_form(scopes, needs, root, (subject.schemas, outputs), ordered=ordered)
    else:
        form = Canonical(_plain(subject, sql, _parsed(sql)), ())
    return Inference(
        sql=sql,
        canonical=form.digest,
        aspects=form.aspects,
        inputs=_inputs(subject, needs.required),
        views=_views(subject, scopes, needs),
        lineage=_lineage(subject, needs, root, outputs),
        coarse=None,
        repeatability=_repeatability(subject, scopes, needs, (root, outputs)),
    )


def _repeatability(subject: _Subject, scopes: Scopes, needs: Needs, whole: tuple[Relation, Schema]) -> Repeatability:
    types = {name: tuple(c.type for c in subject.schemas[name].columns) for name in scopes.bases}
    repeatable = Repeatable(scopes, needs, Floats(scopes, types), Places(subject.query))
    return Repeatability(repeatable.findings(), repeatable.uniqueness(whole[0], _lower_names(whole[1])))


def _plain_repeatability(subject: _Subject, executed: Query) -> Repeatability:
    """Find what needs no proof; in views only the clock, which decides what becomes of the result."""
    own = plain_findings(_parsed(subject.query.text).tree, Places(subject.query))
    clocks = (f for f in plain_findings(executed.tree, Places(executed)) if f.code is WarningCode.CLOCK)
    clock = next(clocks, None) if not any(f.code is WarningCode.CLOCK for f in own) else None
    inlined = () if clock is None else (replace(clock, line=None, column=None, inlined=True),)
    return Repeatability((*own, *inlined), UNKNOWN)


def _trusted(subject: _Subject, sql: str) -> tuple[exp.Expr, bool]:
    """Inline the views and raise every doubt about the tree; also say whether its expressions are beyond doubt."""
    bodies = _bodies(subject)
    texts = (subject.query, *bodies.values())
    # The tokens are held against the trees before anything is moved in these.
    lost = [lost_names(query) for query in texts]
    is_complete = not any(lost_literals(query) for query in texts)
    for query in texts:
        unfold(query.tree)
    _refuse(doubt_of_mentions(subject.query))
    tree = inline(subject.query, subject.views, bodies)
    for doubt in (doubt_before(tree, sql), *lost):
        _refuse(doubt)
    is_clear = is_complete and not has_doubts(tree)
    straighten(tree)
    return tree, is_clear


def _bodies(subject: _Subject) -> dict[str, Query]:
    bodies = {}
    for name in {m.name.lower() for m in subject.query.mentions} & subject.views.keys():
        body = subject.read(subject.views[name].sql)
        # A view is inlined only after it was compiled itself.
        assert not isinstance(body, QueryTrouble)
        bodies[name] = body
    return bodies


def _refuse(doubt: str | None) -> None:
    if doubt is not None:
        raise CoarseError(doubt)


def _qualified(subject: _Subject, tree: exp.Expr) -> exp.Expr:
    named = {t.name.lower() for t in tree.find_all(exp.Table) if t.db}
    columns = {name: dict.fromkeys(_lower_names(subject.schemas[name]), "INT") for name in named}
    # Types play no part in resolving names, and parsing those of hundreds of columns would cost more than the rest.
    schema = MappingSchema({"main": columns}, dialect=DUCKDB, normalize=False)
    try:
        return qualify(tree, schema=schema, dialect=DUCKDB, quote_identifiers=False)
    except _MISHAPS as error:
        raise CoarseError(f"sqlglot cannot resolve the names: {type(error).__name__}") from error


def _may_have_json(subject: _Subject, sql: str) -> bool:
    types = (c.type for name in subject.schemas for c in subject.schemas[name].columns)
    words = (token.text for token in DUCKDB.tokenize(sql))
    return any(word in text.upper() for text in (*types, *words) for word in ("JSON", "VARIANT"))


def _lower_names(schema: Schema) -> tuple[str, ...]:
    return tuple(c.name.lower() for c in schema.columns)


def _check_outputs(root: Relation, outputs: Schema) -> None:
    """Compare our outputs with those of the engine's binder: number and names tell if stars went alike."""
    if len(root.names) != len(outputs.columns):
        raise CoarseError(f"the engine sees {len(outputs.columns)} outputs, the analysis {len(root.names)}")
    for ours, theirs in zip(root.names, outputs.columns, strict=True):
        if ours != theirs.name.lower() and not re.fullmatch(r"_col_\d+", ours) and not _renamed(ours, theirs.name):
            raise CoarseError(f"the engine names an output {theirs.name!r}, the analysis {ours!r}")


def _renamed(ours: str, theirs: str) -> bool:
    """Whether the engine made a repeated name unique, or wrote out an expression that sqlglot gave a short name."""
    return re.fullmatch(re.escape(ours) + r"(_\d+|:\d+)", theirs.lower()) is not None or not theirs.isidentifier()


def _inputs(subject: _Subject, required: Mapping[str, set[str]]) -> tuple[Use, ...]:
    return tuple(
        (subject.stored[name], tuple(c.name for c in subject.schemas[name].restrict(required[name])))
        for name in sorted(required)
    )


def _views(subject: _Subject, scopes: Scopes, needs: Needs) -> tuple[Use, ...]:
    used: dict[str, set[int]] = {
        m.name.lower(): set() for m in subject.query.mentions if m.name.lower() in subject.views
    }
    for relation in scopes.views:
        assert relation.view is not None
        used[relation.view] |= set(needs.of(relation))
    return tuple((subject.views[name].dataset, _view_columns(subject.views[name], used[name])) for name in sorted(used))


def _view_columns(view: ViewQuery, positions: Iterable[int]) -> tuple[str, ...]:
    columns = view.schema.columns
    wanted = sorted(positions)
    if wanted and wanted[-1] >= len(columns):
        raise CoarseError(f"the view {view.dataset!r} has other columns than its schema says")
    return tuple(columns[i].name for i in wanted)


def _read(executed: Query) -> list[str]:
    """Find the stored datasets in the executable text, those that come with views too."""
    return sorted({m.name.lower() for m in executed.mentions})


def _parsed(sql: str) -> Query:
    """Read a text again that was read before, or that was spliced from such: a tree may be spent by now."""
    query = parse_query(sql)
    assert not isinstance(query, QueryTrouble)
    return query


def _plain(subject: _Subject, sql: str, executed: Query) -> str:
    return plain_digest(sql, {name: subject.schemas[name] for name in _read(executed)})


def _lineage(subject: _Subject, needs: Needs, root: Relation, outputs: Schema) -> tuple[LineageRow, ...]:
    # Looked up once for all outputs: of a wide table each may be made of any column.
    spelled = {
        (name, column.name.lower()): (subject.stored[name], column.name)
        for name in needs.required
        for column in subject.schemas[name].columns
    }
    return tuple(
        (column.name, tuple(spelled[pair] for pair in needs.lineage(root, position)))
        for position, column in enumerate(outputs.columns)
    )


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "the query is nested too deeply"
    return str(error).split("\n", maxsplit=1)[0]


def _coarse(subject: _Subject, sql: str, outputs: Schema, reason: str) -> Inference:
    """Require every column of every input: sound for any query, whatever it does with them."""
    executed = _parsed(sql)
    named = _read(executed)
    inputs = tuple((subject.stored[n], tuple(c.name for c in subject.schemas[n].columns)) for n in named)
    direct = sorted({m.name.lower() for m in subject.query.mentions if m.name.lower() in subject.views})
    views = tuple((subject.views[n].dataset, tuple(c.name for c in subject.views[n].schema.columns)) for n in direct)
    pairs = tuple((dataset, column) for dataset, columns in inputs for column in columns)
    return Inference(
        sql=sql,
        canonical=_plain(subject, sql, executed),
        aspects=(),
        inputs=inputs,
        views=views,
        lineage=tuple((c.name, pairs) for c in outputs.columns),
        coarse=reason,
        repeatability=_plain_repeatability(subject, executed),
    )
