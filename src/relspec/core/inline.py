"""What executes: the query as written, with dataset names spelled out and views put in their place.

The text is spliced at the offsets of the table names, never generated from a tree: generated SQL renames outputs and
loses what the parser did not keep. Datasets become `"main"."<dataset>"`, which no CTE can capture, so a view's text
means the same inside a consumer that has a CTE of the same name.
Never done here: deciding what is a dataset (`query.py`).
"""

from collections.abc import Iterable, Mapping

import msgspec
from sqlglot import exp

from relspec.core.query import Mention, Query
from relspec.core.work import ViewQuery

#: Key in the meta of an inlined query's root that says which view it is.
VIEW_MARK = "relspec_view"


def quoted(name: str) -> str:
    """Quote an identifier for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


class Splice(msgspec.Struct, frozen=True, order=True):
    """What to put in place of a piece of a text; offsets, end exclusive, at ends of tokens."""

    start: int
    end: int
    replacement: str


def splices(query: Query, views: Mapping[str, ViewQuery], datasets: Mapping[str, str]) -> tuple[Splice, ...]:
    """Find what makes `query` executable. `views` and `datasets` (the names as stored) go by lower-case name."""
    mentions = (Splice(m.start, m.end, _replacement(m, views, datasets)) for m in query.mentions)
    return (*mentions, *_prefixes(query, views))


def spliced(text: str, splices: Iterable[Splice]) -> str:
    """Put all splices into a text."""
    for splice in sorted(splices, reverse=True):
        text = text[: splice.start] + splice.replacement + text[splice.end :]
    return text


def _replacement(mention: Mention, views: Mapping[str, ViewQuery], datasets: Mapping[str, str]) -> str:
    view = views.get(mention.name.lower())
    if view is None:
        return f'"main".{quoted(datasets[mention.name.lower()])}'
    # The line break keeps a comment at the end of the view from swallowing the parenthesis.
    subquery = f"({view.sql}\n)"
    # SUMMARIZE takes a subquery, but no name for it.
    return (
        subquery
        if mention.node.alias or isinstance(mention.node.parent, exp.Summarize)
        else f"{subquery} AS {quoted(mention.name)}"
    )


def _prefixes(query: Query, views: Mapping[str, ViewQuery]) -> list[Splice]:
    """Drop `main.` before the columns of a view: a subquery has a name, but no schema."""
    if not views:
        return []
    edits = []
    for column in query.tree.find_all(exp.Column):
        schema = column.args.get("catalog") or column.args.get("db")
        if schema is not None and column.db.lower() == "main" and column.table.lower() in views:
            edits.append(Splice(schema.meta["start"], column.args["table"].meta["start"], ""))
    return edits


def inline(query: Query, views: Mapping[str, ViewQuery], bodies: Mapping[str, Query]) -> exp.Expr:
    """Do to the tree of `query` what `splices` do to its text; the tree is changed in place and returned.

    `bodies` are the parsed queries of the views that it names.
    """
    holder = exp.Paren(this=query.tree)
    for mention in query.mentions:
        view = views.get(mention.name.lower())
        if view is None:
            _spell_out(mention.node, mention.name)
        else:
            mention.node.replace(_subquery(mention, view, bodies[mention.name.lower()].tree.copy()))
    tree = holder.this
    assert isinstance(tree, exp.Expr)
    return tree.pop()


def _spell_out(table: exp.Table, name: str) -> None:
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
    table.set("this", exp.to_identifier(name, quoted=True))
    table.set("db", exp.to_identifier("main", quoted=True))
    table.set("catalog", None)


def _subquery(mention: Mention, view: ViewQuery, body: exp.Expr) -> exp.Subquery:
    query = body.unnest() if isinstance(body, exp.Subquery) else body
    _name_outputs(query, view)
    query.meta[VIEW_MARK] = view.dataset.lower()
    alias = mention.node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(mention.name, quoted=True))
    return exp.Subquery(this=body, alias=alias)


def _name_outputs(query: exp.Expr, view: ViewQuery) -> None:
    """Give unnamed outputs of a view the names that the engine's binder gave them: consumers use those."""
    if not isinstance(query, exp.Select) or len(query.expressions) != len(view.schema.columns):
        return
    if any(e.is_star for e in query.expressions):
        return
    for projection, column in zip(list(query.expressions), view.schema.columns, strict=True):
        if not isinstance(projection, (exp.Alias, exp.Column)):
            # The original goes into the alias and the alias takes its place, so the copy must come first.
            projection.replace(exp.alias_(projection.copy(), column.name, quoted=True))
