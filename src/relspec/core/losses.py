"""What the parser lost: parts of a text that left no trace in the tree, or the wrong one.

sqlglot drops arguments that it does not expect (`time_bucket(w, t, origin)`), and takes a column for the name of a
unit (`date_trunc(unit, day)`). A tree cannot show what is not in it, so the tokens are held against it. Every name
must be an identifier of the tree or a word of it, and every word of a literal must be found in it. A lost name may be
a column: then nothing about the query is sure. A lost literal changes what is computed, not what is read.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from relspec.core.query import Query

_WORDS = re.compile(r"\w+")
_NAMES = (TokenType.VAR, TokenType.IDENTIFIER)
_SYNTAX = frozenset(
    {"asof", "at", "by", "current", "exclude", "following", "group", "if", "ignore", "lambda", "materialized", "nulls"}
    | {"ordinality", "others", "placing", "positional", "preceding", "recursive", "respect", "sets", "ties", "time"}
    | {"unbounded", "within", "zone"}
)
_LITERALS = (TokenType.STRING, TokenType.NUMBER)
# The first argument is read as the name of a unit, whatever it is.
_UNIT_FIRST = frozenset({"date_trunc", "datetrunc", "date_diff", "datediff"})
# How many arguments are kept.
_KEPT = {"time_bucket": 2, "list_reverse_sort": 1, "array_reverse_sort": 1}


def lost_names(query: Query) -> str | None:
    """Give a reason to distrust the whole tree, or `None`. The tree must be as it was parsed."""
    tokens = query.tokens
    calls = [i for i, token in enumerate(tokens[1:]) if token.token_type == TokenType.L_PAREN]
    for i in calls:
        if i < len(tokens) - 2:
            name = tokens[i].text.lower()
            if name in _UNIT_FIRST and tokens[i + 2].token_type != TokenType.STRING:
                return f"{name}() with a unit that is not a literal"
            if name in _KEPT and _n_arguments(tokens[i + 1 :]) > _KEPT[name]:
                return f"{name}() with more arguments than the parser keeps"
    starts = {node.meta_get("start") for node in query.tree.find_all(exp.Identifier)}
    uncovered = {t.text.lower() for t in _plain_names(tokens, frozenset(calls)) if t.start not in starts} - _SYNTAX
    unknown = uncovered - {word.lower() for word in _words_of(query.tree.walk())} if uncovered else set()
    return f"the parser lost the name {min(unknown)!r}" if unknown else None


def lost_literals(query: Query) -> bool:
    """Whether a word of a literal is not in the tree. The tree must be as it was parsed."""
    written = [w.lower() for t in query.tokens if t.token_type in _LITERALS for w in _WORDS.findall(t.text)]
    # Nearly always they are all in its literals, and the rest of the tree need not be read.
    return bool(written) and all(
        Counter(written) - Counter(w.lower() for w in words)
        for words in (_words_of(query.tree.find_all(exp.Literal)), _words_of(query.tree.walk()))
    )


def _plain_names(tokens: Sequence[Token], calls: frozenset[int]) -> Iterator[Token]:
    for i, token in enumerate(tokens):
        if token.token_type in _NAMES and i not in calls:
            yield token


def _words_of(nodes: Iterable[exp.Expr]) -> Iterator[str]:
    for node in nodes:
        for value in node.args.values():
            if isinstance(value, (str, int)) and not isinstance(value, bool):
                yield from _WORDS.findall(str(value))
        if isinstance(node, exp.DataType):
            yield node.this.name
        elif isinstance(node, exp.Bracket):
            # An index is kept as counted from zero.
            literals = (n for e in node.expressions for n in e.find_all(exp.Literal) if n.is_int)
            yield from (str(int(n.name) + shift) for n in literals for shift in (-1, 1))


def _n_arguments(tokens: Sequence[Token]) -> int:
    depth, n_commas = 0, 0
    for token in tokens:
        depth += token.token_type in (TokenType.L_PAREN, TokenType.L_BRACKET)
        depth -= token.token_type in (TokenType.R_PAREN, TokenType.R_BRACKET)
        n_commas += depth == 1 and token.token_type == TokenType.COMMA
        if depth == 0:
            break
    return n_commas + 1
