"""What makes us give up on a precise analysis, and what must be noted before sqlglot resolves the names.

sqlglot resolves names for us, and in some places not as DuckDB does, or only after losing what matters: identifiers
come back in lower case, USING becomes ON, NATURAL and POSITIONAL joins and COLUMNS() are left alone without a word,
positions in parentheses or in ROLLUP stay numbers, set operations get the wrong precedence. Each such place is listed
here as a reason, in words for the user.
"""

from collections.abc import Iterator

from sqlglot import exp

from relspec.core.functions import is_unknown
from relspec.core.lineage import orders_by_all
from relspec.core.query import DUCKDB, Query
from relspec.core.scopes import Scopes, Selection

#: Key in the meta of a join that was written with USING.
USING_MARK = "relspec_using"

_QUALIFY_MARK = "relspec_qualify"
# A binary operator that sqlglot turns into a function and reads with another precedence than DuckDB.
_DOUBTFUL_OPERATORS = frozenset({"@>", "<@", "&&", "<->"})
_REASONS: tuple[tuple[type[exp.Expr], str], ...] = (
    (exp.Pivot, "PIVOT and UNPIVOT take their columns from the data or from the whole table"),
    (exp.Summarize, "SUMMARIZE reads every column"),
    (exp.Columns, "COLUMNS() chooses columns by pattern"),
    (exp.TableSample, "a sample depends on the order of rows"),
    (exp.PositionalColumn, "#1 names a column by position"),
    (exp.Parameter, "parameters are not understood"),
    (exp.Placeholder, "parameters are not understood"),
    (exp.Comprehension, "list comprehensions are not understood"),
)
# What may stand around an output's number in GROUP BY, ORDER BY and DISTINCT ON.
_AROUND_POSITIONS = (exp.Paren, exp.Tuple, exp.Rollup, exp.Cube, exp.GroupingSets, exp.Ordered, exp.Collate)
_NEVER = tuple(kind for kind, _ in _REASONS)
# What `prepare` looks at: half of all nodes are identifiers, which a walk for kinds of nodes passes by cheaply.
_NOTED = (exp.Join, exp.Paren, exp.PropertyEQ, exp.Kwarg, exp.ColumnDef, exp.Column, exp.Dot, exp.Select)


def doubt_of_mentions(query: Query) -> str | None:
    """Find a reason to fall back in how the text names its datasets; `None` where there is none."""
    extras = {k for m in query.mentions for k, v in m.node.args.items() if v}
    if extras - {"this", "db", "catalog", "alias"}:
        return "a table with a sample, a pivot or a nested join is not understood"
    return None


def doubt_before(tree: exp.Expr, sql: str) -> str | None:
    """Find a reason to fall back in a tree with views inlined, before names are resolved, and in its text."""
    # Most queries have none of these signs, and need not be read once more to know it.
    suspect = any(sign in sql for sign in _DOUBTFUL_OPERATORS)
    if suspect and any(t.text in _DOUBTFUL_OPERATORS for t in DUCKDB.tokenize(sql)):
        return "operators on lists are read differently by the parsers"
    return next(_doubts(tree), None)


def _doubts(tree: exp.Expr) -> Iterator[str]:
    for node in tree.find_all(*_NEVER, exp.Join, exp.SetOperation, exp.Select):
        if isinstance(node, _NEVER):
            yield next(reason for kind, reason in _REASONS if isinstance(node, kind))
        elif isinstance(node, exp.Join) and node.method in ("NATURAL", "POSITIONAL"):
            yield f"{node.method} JOIN depends on the columns or the order of both sides"
        elif isinstance(node, exp.SetOperation):
            if node.args.get("by_name"):
                yield "a set operation BY NAME matches columns by name"
            if any(_mixes(node, side) for side in (node.this, node.expression)):
                yield "INTERSECT beside another set operation without parentheses is read differently by the parsers"
        elif _mixes_commas(node):
            yield "a comma beside a RIGHT or FULL JOIN is read differently by the parsers"


def _mixes(node: exp.SetOperation, side: exp.Expr) -> bool:
    return isinstance(side, exp.SetOperation) and isinstance(node, exp.Intersect) != isinstance(side, exp.Intersect)


def _mixes_commas(node: exp.Expr) -> bool:
    joins = node.args.get("joins") or () if isinstance(node, exp.Select) else ()
    return any(j.side in ("RIGHT", "FULL") for j in joins) and any(_is_comma(j) for j in joins)


def _is_comma(join: exp.Join) -> bool:
    return not any(v for k, v in join.args.items() if k != "this")


def prepare(tree: exp.Expr) -> frozenset[str]:
    """Note in the tree what resolving names would lose; gives the dotted names that are written with capitals."""
    dotted: set[str] = set()
    for node in list(tree.find_all(*_NOTED)):
        if isinstance(node, exp.Join) and node.args.get("using"):
            if not _is_plain_using(node):
                node.meta[USING_MARK] = True
        elif isinstance(node, exp.Paren) and isinstance(node.parent, (exp.Ordered, exp.Group)):
            # sqlglot finds the number of an output only where it is bare.
            if isinstance(node.unnest(), exp.Literal):
                node.replace(node.unnest())
        elif isinstance(node, (exp.PropertyEQ, exp.Kwarg, exp.ColumnDef)) and isinstance(node.this, exp.Identifier):
            _keep_case(node.this)
        elif isinstance(node, exp.Column) and len(node.parts) > 1:
            dotted.update(p.name for p in node.parts[1:])
        elif isinstance(node, exp.Dot) and isinstance(node.expression, exp.Identifier):
            dotted.add(node.expression.name)
        elif isinstance(node, exp.Select) and node.args.get("qualify") is not None:
            node.meta[_QUALIFY_MARK] = _aliases_in_qualify(node)
    return frozenset(name.lower() for name in dotted if name != name.lower())


def _is_plain_using(join: exp.Join) -> bool:
    """Whether USING is no more than an equality: of one inner join, with nobody asking for the merged columns."""
    select = join.parent
    if (
        not isinstance(select, exp.Select)
        or len(select.args["joins"]) != 1
        or join.side
        or join.kind not in ("", "INNER")
    ):
        return False
    names = {identifier.name.lower() for identifier in join.args["using"]}
    columns = (c for c in select.find_all(exp.Column) if c.args.get("table") is None)
    return not select.find(exp.Star) and not any(c.name.lower() in names for c in columns)


def _keep_case(identifier: exp.Identifier) -> None:
    """Spell a struct's field so that it survives the folding of identifiers to lower case."""
    if identifier.name != identifier.name.lower():
        identifier.set("this", "relspec_field_" + identifier.name.encode().hex())


def _aliases_in_qualify(select: exp.Select) -> frozenset[str]:
    aliases = {e.alias.lower() for e in select.expressions if isinstance(e, exp.Alias)}
    bare = {c.name.lower() for c in select.args["qualify"].find_all(exp.Column) if not c.table}
    return frozenset(aliases & bare)


def doubt_after(scopes: Scopes, tree: exp.Expr, dotted: frozenset[str], may_have_json: bool) -> str | None:
    """Find a reason to fall back in the tree with all names resolved; `dotted` is what `prepare` gave."""
    if any(_alias_hides_column(s) for s in scopes.selections):
        return "QUALIFY uses a name that is both an alias and a column"
    for node in tree.walk() if dotted else ():
        may_have_json = may_have_json or is_unknown(node)
    set_operations = list(tree.find_all(exp.SetOperation))
    if any(_names_by_position(query) for query in (*(s.node for s in scopes.selections), *set_operations)):
        return "GROUP BY, ORDER BY or DISTINCT ON names an output by its number in a way that is not understood"
    if any(orders_by_all(query) for query in set_operations):
        return "ORDER BY ALL after a set operation is not understood"
    fields = {d.expression.name.lower() for d in tree.find_all(exp.Dot)} if dotted and may_have_json else set()
    if fields & dotted:
        return "the case of a field's name may matter in JSON"
    return None


def _alias_hides_column(selection: Selection) -> bool:
    names = selection.node.meta.get(_QUALIFY_MARK, frozenset())
    return any(name in source.names for name in names for source in selection.sources)


def _names_by_position(query: exp.Query) -> bool:
    """Whether a number is left where the engine takes it for an output."""
    distinct = query.args.get("distinct")
    on = distinct.args.get("on") if isinstance(distinct, exp.Distinct) else None
    clauses = (query.args.get("group"), query.args.get("order"), on)
    pending: list[exp.Expr] = [c for c in clauses if c is not None]
    while pending:
        part = pending.pop()
        if isinstance(part, exp.Literal) and not part.is_string:
            return True
        if isinstance(part, (exp.Group, exp.Order, *_AROUND_POSITIONS)):
            pending.extend(part.iter_expressions())
    return False
