"""One query text: parsed once, with the datasets that it names and where.

Decided here: what a task's text may be (one SELECT-like statement), which of its table names are datasets, and which
tables are refused because they read something that nobody watches. Tables come from scopes: a CTE, an alias or a
subquery is never a dataset, and the rules of who sees which CTE are DuckDB's. A CTE sees the earlier ones of its
WITH; of a recursive UNION only the right branch sees itself, so a CTE may bear the name of a table and select from it.
Never done here: looking at schemas, changing the text.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from relspec.core.problem import Code
from relspec.core.work import Named

DUCKDB = Dialect.get_or_raise("duckdb")

_STARTS = frozenset(
    {"select", "with", "from", "values", "(", "pivot", "unpivot", "pivot_wider", "pivot_longer", "summarize"}
)
_VERBS = """
    alter analyze attach begin call checkpoint comment commit copy create deallocate delete describe desc detach drop
    execute explain export force grant import insert install load merge pragma prepare refresh replace reset rollback
    set show start table truncate update use vacuum
    """
_OTHER_STATEMENTS = frozenset(_VERBS.split())
_ROW_GENERATORS = frozenset(
    {"range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree", "generate_subscripts"}
)
_GENERATOR_NODES = (exp.GenerateSeries, exp.Unnest, exp.Explode)
_SOURCE_HINT = "put the file under data/, or name it as a source in watch.toml, and select from the source's name"


class QueryTrouble(msgspec.Struct, frozen=True):
    """What is wrong with a query text; the caller knows the task and the file. The place is 1-based within the text."""

    code: Code
    message: str
    line: int | None
    column: int | None
    hint: str | None


class Mention(msgspec.Struct, frozen=True):
    """One table name in the text that means a dataset; `start` and `end` are offsets, end exclusive."""

    node: exp.Table
    name: str
    start: int
    end: int


class Query(msgspec.Struct, frozen=True):
    """A parsed query. `text` ends with its last token; the tree belongs to whoever asked for it and may be changed."""

    text: str
    tokens: Sequence[Token]
    tree: exp.Expr
    mentions: tuple[Mention, ...]


#: Gives the query of a text; the tree belongs to whoever asked.
Reader = Callable[[str], Query | QueryTrouble]


class RefusedError(Exception):
    """Carries trouble up from the depth of a walk; never leaves `core`."""

    def __init__(self, trouble: QueryTrouble) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble


def parse_query(text: str) -> Query | QueryTrouble:
    """Parse `text` as one SELECT-like statement and find its datasets.

    Cost: about a millisecond for a screenful of SQL.
    """
    try:
        tokens = _single_statement(text, DUCKDB.tokenize(text))
        tree = _parsed(text, tokens)
        mentions = tuple(sorted(_mentions(text, tree), key=lambda m: m.start))
    except RefusedError as refusal:
        return refusal.trouble
    except (TokenError, RecursionError) as error:
        return QueryTrouble(Code.SYNTAX, f"the query cannot be read: {error}", None, None, None)
    return Query(text[: tokens[-1].end + 1], tokens, tree, mentions)


class Readings:
    """The texts of one request, each read once: many may look at a query, and one may take it and change it.

    Reading is a seventh of what a small query costs, and three steps of its way want it.
    """

    def __init__(self) -> None:
        self._queries: dict[str, Query | QueryTrouble] = {}

    def look(self, text: str) -> Query | QueryTrouble:
        """Give the query of a text, which is to stay as it is."""
        if text not in self._queries:
            self._queries[text] = parse_query(text)
        return self._queries[text]

    def take(self, text: str) -> Query | QueryTrouble:
        """Give the query of a text away: whoever asks for it afterwards gets another one."""
        query = self.look(text)
        del self._queries[text]
        return query


def references(text: str, read: Reader = parse_query) -> tuple[Named, ...] | QueryTrouble:
    """Find the datasets that `text` names, each with the place of its first mention, in the order of the text."""
    query = read(text)
    if isinstance(query, QueryTrouble):
        return query
    first: dict[str, Mention] = {}
    for mention in query.mentions:
        first.setdefault(mention.name.lower(), mention)
    return tuple(Named(m.name, *place_of(text, m.start)) for m in first.values())


def place_of(text: str, offset: int) -> tuple[int, int]:
    """Give the 1-based line and column of an offset."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _single_statement(text: str, tokens: Sequence[Token]) -> Sequence[Token]:
    statements: list[list[Token]] = [[]]
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            statements.append([])
        else:
            statements[-1].append(token)
    filled = [s for s in statements if s]
    if not filled:
        raise RefusedError(QueryTrouble(Code.SYNTAX, "there is no query in this file", None, None, "write one SELECT"))
    if len(filled) > 1:
        message = f"{len(filled)} statements where one query is expected"
        raise RefusedError(
            _trouble(text, filled[1][0].start, Code.UNSUPPORTED_SQL, message, "keep one SELECT in a file")
        )
    _check_start(text, filled[0][0])
    return filled[0]


def _check_start(text: str, token: Token) -> None:
    word = text[token.start : token.end + 1]
    if word.lower() in _OTHER_STATEMENTS:
        message = f"a task is one query, this is {word.upper()}"
        hint = (
            "write FROM and the table's name" if word.lower() == "table" else "write a SELECT: its rows are the table"
        )
        raise RefusedError(_trouble(text, token.start, Code.UNSUPPORTED_SQL, message, hint))
    if word.lower() not in _STARTS:
        message = f"syntax error at {word!r}"
        raise RefusedError(
            _trouble(text, token.start, Code.SYNTAX, message, "a query starts with SELECT, WITH or FROM")
        )


def _parsed(text: str, tokens: Sequence[Token]) -> exp.Expr:
    try:
        tree = DUCKDB.parser().parse(list(tokens), text)[0]
    except ParseError as error:
        raise RefusedError(_syntax_trouble(error)) from None
    if not isinstance(tree, (exp.Query, exp.Values, exp.Pivot, exp.Summarize)):
        what = type(tree).__name__.upper()
        message = f"a task is one query, this is {what}"
        raise RefusedError(_trouble(text, tokens[0].start, Code.UNSUPPORTED_SQL, message, "write a SELECT"))
    if "into" in text.lower() and tree.find(exp.Into) is not None:
        message = "a task is one query, SELECT INTO makes a table"
        raise RefusedError(_trouble(text, tokens[0].start, Code.UNSUPPORTED_SQL, message, "leave out INTO"))
    return tree


def _syntax_trouble(error: ParseError) -> QueryTrouble:
    details = error.errors[0] if error.errors else {}
    shown = str(details.get("highlight") or "")
    description = str(details.get("description") or error).rstrip(".")
    line, end_column = details.get("line"), details.get("col")
    at = f" at {shown!r}" if shown.strip() else ""
    if not isinstance(line, int) or not isinstance(end_column, int):
        return QueryTrouble(Code.SYNTAX, f"syntax error{at}: {description}", None, None, None)
    column = max(1, end_column - len(shown) + 1)
    return QueryTrouble(Code.SYNTAX, f"syntax error{at}: {description}", line, column, None)


def _mentions(text: str, tree: exp.Expr) -> Iterator[Mention]:
    for node in tree.find_all(exp.Table, exp.Lateral):
        if isinstance(node, exp.Table):
            if isinstance(node.this, exp.Identifier):
                if not _is_cte(node):
                    yield _mention(text, node)
            else:
                _check_generator(text, node.this)
        elif isinstance(node.this, exp.Func):
            _check_generator(text, node.this)


def _check_generator(text: str, function: exp.Expr) -> None:
    if isinstance(function, _GENERATOR_NODES):
        return
    name = function.name if isinstance(function, exp.Anonymous) else function.sql("duckdb").partition("(")[0]
    if not isinstance(function, exp.Anonymous) or name.lower() not in _ROW_GENERATORS:
        start = max(0, text.lower().find(name.lower()))
        message = f"{name.lower()}() reads something that is not a source or a task's output"
        raise RefusedError(_trouble(text, start, Code.UNSUPPORTED_SQL, message, _SOURCE_HINT))


def _mention(text: str, table: exp.Table) -> Mention:
    parts = [p for p in (table.args.get("catalog"), table.args.get("db"), table.this) if p is not None]
    start, end = parts[0].meta["start"], parts[-1].meta["end"] + 1
    if text[start] == "'" and any(sign in table.name for sign in "/\\.*:?"):
        message = f"the query reads the file {table.name!r} directly"
        raise RefusedError(_trouble(text, start, Code.UNSUPPORTED_SQL, message, _SOURCE_HINT))
    if table.db.lower() not in ("", "main") or table.catalog.lower() not in ("", "memory"):
        message = f"{text[start:end]!r} is in another schema: datasets have plain names"
        raise RefusedError(_trouble(text, start, Code.UNSUPPORTED_SQL, message, f"write {table.name!r}"))
    return Mention(table, table.name, start, end)


def _is_cte(table: exp.Table) -> bool:
    """Whether DuckDB binds this table name to a CTE rather than to a dataset."""
    if table.args.get("db") is not None:
        return False
    name = table.name.lower()
    child: exp.Expr = table
    parent = table.parent
    while parent is not None:
        if isinstance(parent, exp.CTE):
            with_ = parent.parent
            if not isinstance(with_, exp.With) or with_.parent is None:
                return False
            if _sees(name, table, parent, with_):
                return True
            # The other CTEs of this WITH were just weighed: go on above the query that bears it.
            child, parent = with_.parent, with_.parent.parent
            continue
        with_ = parent.args.get("with_")
        if with_ is not None and with_ is not child and any(c.alias.lower() == name for c in with_.expressions):
            return True
        child, parent = parent, parent.parent
    return False


def _sees(name: str, table: exp.Table, cte: exp.CTE, with_: exp.With) -> bool:
    for other in with_.expressions:
        if other is cte:
            return cte.alias.lower() == name and in_recursive_branch(table, cte)
        if other.alias.lower() == name:
            return True
    return False


def in_recursive_branch(node: exp.Expr, cte: exp.CTE) -> bool:
    """Whether `node` lies where a recursive CTE sees itself: in the right branch of its outermost UNION."""
    body = cte.this.unnest() if isinstance(cte.this, exp.Subquery) else cte.this
    if not isinstance(cte.parent, exp.With) or not cte.parent.recursive or not isinstance(body, exp.Union):
        return False
    child: exp.Expr | None = node
    while child is not None and child.parent is not body:
        child = child.parent
    return child is not None and child is body.expression


def _trouble(text: str, offset: int, code: Code, message: str, hint: str | None) -> QueryTrouble:
    line, column = place_of(text, offset)
    return QueryTrouble(code, message, line, column, hint)
