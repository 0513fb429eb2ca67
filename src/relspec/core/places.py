"""Where a construct stands in the user's text.

The parser notes a place for names and functions alone. Everything else is found from the tokens: a keyword that stands
behind what belongs to the same SELECT, no deeper in parentheses than that.
"""

from collections.abc import Iterator
from functools import cached_property

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from relspec.core.inline import VIEW_MARK
from relspec.core.query import Query, place_of

_LIMITS = frozenset({"limit", "offset", "fetch"})


class Places:
    """The places of one query text; a node has to come from it, not from a view."""

    def __init__(self, query: Query) -> None:
        self._text = query.text
        self._tokens = query.tokens

    @cached_property
    def _words(self) -> list[tuple[int, int, str]]:
        """Each token with its place and its depth in parentheses; of most queries nobody asks."""
        words, depth = [], 0
        for token in self._tokens:
            depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
            words.append((token.start, depth, token.text.lower()))
        return words

    def of(self, node: exp.Expr) -> tuple[int, int]:
        """The line and column of a function or of the first name in an expression; of the text where there is none."""
        own = node.meta.get("start")
        outer = None if node.parent is None else node.parent.meta.get("start")
        # ANY_VALUE bears its place on the IGNORE NULLS that the parser puts around it.
        found = own if own is not None else outer if isinstance(node.parent, exp.IgnoreNulls) else None
        if found is None:
            found = min(_starts(node), default=self._first_word(node))
        return place_of(self._text, found)

    def of_limit(self, query: exp.Expr) -> tuple[int, int]:
        """The place of LIMIT, OFFSET or FETCH of a SELECT or a set operation."""
        parts = (part for key, part in query.args.items() if key not in ("limit", "offset"))
        nodes = (n for part in parts for n in (part if isinstance(part, list) else [part]) if isinstance(n, exp.Expr))
        starts = sorted(start for node in nodes for start in _starts(node))
        first = starts[0] if starts else 0
        depths = [depth for start, depth, _ in self._words if start in set(starts)]
        level = min(depths, default=0)
        inside = [(s, d) for s, d, word in self._words if word in _LIMITS and s >= first and d <= level]
        after = [s for s, d in inside if not starts or s > starts[-1]] or [s for s, d in inside if d == level]
        return place_of(self._text, (after or [s for s, _ in inside] or [first])[0])

    def of_word(self, *words: str) -> tuple[int, int]:
        """The place of the first of some keywords."""
        return place_of(self._text, next((s for s, _, word in self._words if word in words), 0))

    def _first_word(self, node: exp.Expr) -> int:
        """A function without parentheses, such as CURRENT_DATE, leaves its class and no place."""
        words = {name.lower() for name in type(node).sql_names()} if isinstance(node, exp.Func) else set()
        return next((s for s, _, word in self._words if word in words), 0)


def _starts(node: exp.Expr) -> Iterator[int]:
    """Where the names in an expression stand, those of inlined views aside."""
    for part in node.walk(prune=lambda n: VIEW_MARK in n.meta):
        start = part.meta.get("start")
        if isinstance(start, int) and VIEW_MARK not in part.meta:
            yield start
