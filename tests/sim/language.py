"""The queries of the simulation: a corner of SQL that is quick to evaluate and means the same to DuckDB.

    query  := select {"union all" select}
    select := "select" expr "as" name {"," ...} "from" (name | "(" query ")" "as" name) ["where" column op number]
    expr   := column | column "+" number | max(column) | min(column) | sum(column) | count(*)

A query is a tuple of selects, a select is (items, relation, condition); all are plain tuples. What a query requires of
its inputs is found by going down from the columns that are wanted.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

Rows = tuple[tuple[Any, ...], ...]
Table = tuple[tuple[tuple[str, str], ...], Rows]
Query = tuple[Any, ...]
Columns = tuple[tuple[str, str], ...]

_TOKEN = re.compile(r"--[^\n]*|\s+|(\w+|<=|>=|[-(),*+<>=.])")
_FOLDS: dict[str, Callable[[list[Any]], Any]] = {
    "max": lambda values: max(values, default=None),
    "min": lambda values: min(values, default=None),
    "sum": lambda values: sum(values) if values else None,
}
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    "=": lambda a, b: a == b,
}


class WrongError(Exception):
    """A text is no query of the language, or a query does not fit its inputs; `missing` is an unknown column."""

    def __init__(self, message: str, missing: str | None = None) -> None:
        super().__init__(message)
        self.missing = missing


@lru_cache(maxsize=20_000)
def parse(text: str) -> Query:
    """Read a query; raises WrongError."""
    tokens, end = [], 0
    for found in _TOKEN.finditer(text):
        if found.start() != end:
            break
        end = found.end()
        if found[1]:
            tokens.append(found[1])
    if end != len(text):
        raise WrongError(f"unexpected {text[end]!r}")
    parser = _Parser(tokens)
    query = parser.query()
    if parser.at != len(tokens):
        raise WrongError(f"unexpected {tokens[parser.at]!r}")
    return query


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.peek()
        if not token or (wanted and token not in wanted):
            raise WrongError(f"{' or '.join(wanted) or 'something'} is missing before {token!r}")
        self.at += 1
        return token

    def name(self) -> str:
        token = self.take()
        if not re.fullmatch(r"[a-z_]\w*", token):
            raise WrongError(f"{token!r} is no name")
        return token

    def number(self) -> int:
        token = self.take()
        if not token.isdecimal():
            raise WrongError(f"{token!r} is no number")
        return int(token)

    def query(self) -> Query:
        selects = [self.select()]
        while self.peek() == "union":
            self.take("union")
            self.take("all")
            selects.append(self.select())
        if len({len(items) for items, _, _ in selects}) > 1:
            raise WrongError("the parts of a union have different numbers of columns")
        return tuple(selects)

    def select(self) -> tuple[Any, ...]:
        self.take("select")
        items = [self.item()]
        while self.peek() == ",":
            self.take(",")
            items.append(self.item())
        if len({item[0] == "fold" for item, _ in items}) > 1:
            raise WrongError("aggregates and columns cannot be mixed")
        self.take("from")
        relation = self.relation()
        condition = None
        if self.peek() == "where":
            self.take("where")
            condition = (self.name(), self.take(*_OPERATORS), self.number())
        return (tuple(items), relation, condition)

    def relation(self) -> tuple[Any, ...]:
        if self.peek() != "(":
            return ("name", self.name())
        self.take("(")
        inner = self.query()
        self.take(")")
        self.take("as")
        return ("query", inner, self.name())

    def item(self) -> tuple[Any, ...]:
        word = self.name()
        if self.peek() == "(":
            self.take("(")
            of = self.take("*") if word == "count" else self.name()
            self.take(")")
            if word not in {*_FOLDS, "count"}:
                raise WrongError(f"there is no function {word}")
            expression: tuple[Any, ...] = ("fold", word, of)
        elif self.peek() == "+":
            self.take("+")
            expression = ("plus", word, self.number())
        else:
            expression = ("plus", word, 0)
        self.take("as")
        return (expression, self.name())


@lru_cache(maxsize=20_000)
def render(query: Query) -> str:
    """Write a query; `parse` reads it back."""
    return " union all ".join(_rendered(select) for select in query)


def _rendered(select: tuple[Any, ...]) -> str:
    items, relation, condition = select
    listed = ", ".join(f"{_expression(e)} as {name}" for e, name in items)
    source = relation[1] if relation[0] == "name" else f"({render(relation[1])}) as {relation[2]}"
    where = "" if condition is None else f" where {condition[0]} {condition[1]} {condition[2]}"
    return f"select {listed} from {source}{where}"


def _expression(expression: tuple[Any, ...]) -> str:
    kind, word, more = expression
    if kind == "fold":
        return f"{word}({more})"
    return f"{word} + {more}" if more else str(word)


def datasets(query: Query) -> frozenset[str]:
    """The names that a query reads."""
    found: set[str] = set()
    for _, relation, _ in query:
        found |= {relation[1]} if relation[0] == "name" else datasets(relation[1])
    return frozenset(found)


def inlined(query: Query, views: Mapping[str, Query]) -> Query:
    """Put the queries of views in the place of their names."""
    return tuple((items, _inlined(relation, views), condition) for items, relation, condition in query)


def _inlined(relation: tuple[Any, ...], views: Mapping[str, Query]) -> tuple[Any, ...]:
    if relation[0] == "query":
        return ("query", inlined(relation[1], views), relation[2])
    return ("query", views[relation[1]], relation[1]) if relation[1] in views else relation


def columns(query: Query, known: Mapping[str, Columns]) -> Columns:
    """The columns of the result with their types; raises WrongError where a column is not there."""
    parts = [_columns(select, known) for select in query]
    types = [
        "DECIMAL(38,0)" if any(p[i][1] == "DECIMAL(38,0)" for p in parts) else "BIGINT" for i in range(len(parts[0]))
    ]
    return tuple((name, type_) for (name, _), type_ in zip(parts[0], types, strict=True))


def _columns(select: tuple[Any, ...], known: Mapping[str, Columns]) -> Columns:
    items, relation, condition = select
    there = dict(known[relation[1]] if relation[0] == "name" else columns(relation[1], known))
    for name in _used(items, condition):
        if name not in there:
            raise WrongError(f"there is no column {name!r}", missing=name)
    if len({name for _, name in items}) < len(items):
        raise WrongError("two columns of one name")
    return tuple((name, _type(expression, there)) for expression, name in items)


def _type(expression: tuple[Any, ...], there: Mapping[str, str]) -> str:
    kind, word, of = expression
    if kind == "plus":
        return there[word]
    return "BIGINT" if word == "count" else "DECIMAL(38,0)" if word == "sum" else there[of]


def _used(items: tuple[Any, ...], condition: tuple[Any, ...] | None) -> set[str]:
    used = {word if kind == "plus" else of for (kind, word, of), _ in items} - {"*"}
    return used if condition is None else used | {condition[0]}


def required(query: Query) -> dict[str, frozenset[str]]:
    """The columns that the result rests on, by dataset."""
    found: dict[str, set[str]] = {}
    _require(query, None, found)
    return {name: frozenset(names) for name, names in found.items()}


def _require(query: Query, wanted: frozenset[int] | None, found: dict[str, set[str]]) -> None:
    for items, relation, condition in query:
        used = _used(tuple(item for i, item in enumerate(items) if wanted is None or i in wanted), condition)
        if relation[0] == "name":
            found.setdefault(relation[1], set()).update(used)
        else:
            names = [name for _, name in relation[1][0][0]]
            _require(relation[1], frozenset(i for i, name in enumerate(names) if name in used), found)


def evaluate(query: Query, tables: Mapping[str, Table]) -> Table:
    """The result of a query, its rows sorted: a table is a bag."""
    header = columns(query, {name: table[0] for name, table in tables.items()})
    rows = [row for select in query for row in _rows(select, tables)]
    return header, in_order(rows)


def in_order(rows: Iterable[tuple[Any, ...]]) -> Rows:
    """A table is a bag: its rows in one order."""
    return tuple(sorted(rows, key=lambda row: [(v is not None, v or 0) for v in row]))


def _rows(select: tuple[Any, ...], tables: Mapping[str, Table]) -> list[tuple[Any, ...]]:
    items, relation, condition = select
    there, rows = tables[relation[1]] if relation[0] == "name" else evaluate(relation[1], tables)
    place = {name: i for i, (name, _) in enumerate(there)}
    if condition is not None:
        column, compare, number = place[condition[0]], _OPERATORS[condition[1]], condition[2]
        rows = tuple(r for r in rows if r[column] is not None and compare(r[column], number))
    if items[0][0][0] == "fold":
        return [tuple(_fold(word, of, place, rows) for (_, word, of), _ in items)]
    picks = [(place[word], plus) for (_, word, plus), _ in items]
    return [tuple(None if row[i] is None else row[i] + plus for i, plus in picks) for row in rows]


def _fold(word: str, of: str, place: Mapping[str, int], rows: Rows) -> Any:
    if word == "count":
        return len(rows)
    return _FOLDS[word]([v for row in rows if (v := row[place[of]]) is not None])


@lru_cache(maxsize=20_000)
def table_of_csv(data: bytes) -> Table:
    """Read a file of whole numbers with a header; raises WrongError where it is none."""
    lines = data.decode("utf-8", "replace").split("\n")
    if not data or lines[-1] != "":
        raise WrongError("this file is empty" if not data else "the last line has no end")
    header = lines[0].split(",")
    rows = []
    for line in lines[1:-1]:
        values = line.split(",")
        if len(values) != len(header) or not all(v.lstrip("-").isdecimal() for v in values):
            raise WrongError(f"the line {line!r} does not fit")
        rows.append(tuple(int(v) for v in values))
    if not all(re.fullmatch(r"[a-z_]\w*", name) for name in header) or len(set(header)) < len(header):
        raise WrongError(f"{lines[0]!r} is no header")
    return tuple((name, "BIGINT") for name in header), in_order(rows)
