"""Texts that differ in layout and comments alone: what was found out of one query holds for the other.

Held against each other is what both parsers read: the tokens as they are written, and whether anything lies between
two of them. What lies there has to be white space or comments for DuckDB too, which sqlglot's word alone does not say.
Where the parsers might cut a text at other places, there is no answer, and the text is analysed.
"""

import re
from collections.abc import Iterable

import msgspec
from sqlglot.errors import TokenError

from relspec.core.inline import Splice
from relspec.core.query import DUCKDB

#: A longer text is not looked at: reading it is then as good as nothing of what its analysis costs.
TEXT_LENGTH_MAX = 1 << 16
#: White space and comments for both parsers; a comment that begins with a plus is a hint for one of them.
_BETWEEN = re.compile(r"(?:[ \t\n\r\f]|--[^\n\r]*(?=[\n\r]|\Z)|/\*(?!\+)(?:[^*/]|\*(?!/)|/(?!\*))*\*/)*")
#: Texts in dollars, escapes and texts with NUL end where each parser has its own ideas.
_DOUBTFUL = re.compile(r"[$\\\0]")

#: Keywords of several words, such as GROUP BY, are one token.
_WORDS = re.compile(r"\w+(?:[ \t\n\r\f]+\w+)+")
_OPERATORS = frozenset("~!@#^&|`?+-*/%<>=:")


class Wording(msgspec.Struct, frozen=True):
    """The tokens of a text: `plain` is it in the plainest layout, `spans` are where they lie, end exclusive."""

    text: str
    plain: str
    spans: tuple[tuple[int, int], ...]


class Marks(msgspec.Struct, frozen=True):
    """What was spliced into a text, and where it ended, by token: a boundary is a token's number and which end."""

    splices: tuple[tuple[tuple[int, int], tuple[int, int], str], ...]
    last: int


def wording_of(text: str) -> Wording | None:
    """Read a text; `None` where its layout or its comments may mean something. Cost: 0.05 ms for a screenful."""
    if len(text) > TEXT_LENGTH_MAX or _DOUBTFUL.search(text):
        return None
    try:
        spans = tuple((token.start, token.end + 1) for token in DUCKDB.tokenize(text))
    except TokenError:
        return None
    pieces, before = [], 0
    for start, end in (*spans, (len(text), len(text))):
        between = text[before:start]
        if start < before or (between not in ("", " ") and _BETWEEN.fullmatch(between) is None):
            return None
        if between and _may_run_on(text, before, start):
            return None
        pieces += [" " if between else "", plain_word(text[start:end])]
        before = end
    return Wording(text, "".join(pieces).strip(" "), spans)


def plain_word(word: str) -> str:
    """Give a token in the plainest layout."""
    return " ".join(word.split()) if not word.isalnum() and _WORDS.fullmatch(word) else word


def _may_run_on(text: str, end: int, start: int) -> bool:
    """Whether a token that ends where something lies before the next one may mean more by what lies there."""
    # Two texts with a line break between them are one. And DuckDB takes the arrow of `x->/**/y` for an operator.
    return text[end - 1 : end] == text[start : start + 1] == "'" or (text[end] in "-/" and text[end - 1] in _OPERATORS)


def marks_of(wording: Wording, splices: Iterable[Splice], length: int) -> Marks | None:
    """Note splices by token, and the token that ends the query, `length` characters from the start of the text."""
    # Where two tokens touch, so they do in each text that says the same: it is one place.
    at = {place: (i, side) for i, span in enumerate(wording.spans) for side, place in enumerate(span)}
    found = [(at.get(splice.start), at.get(splice.end), splice.replacement) for splice in splices]
    sure = tuple((start, end, text) for start, end, text in found if start is not None and end is not None)
    last = next((i for i, (_, end) in enumerate(wording.spans) if end == length), None)
    return Marks(sure, last) if last is not None and len(sure) == len(found) else None


def spliced_by(wording: Wording, marks: Marks) -> tuple[str, tuple[Splice, ...]]:
    """Give the query of a text that says the same as another one, and what has to be spliced into it as there."""
    spans = wording.spans
    splices = (Splice(spans[i][a], spans[j][b], text) for (i, a), (j, b), text in marks.splices)
    return wording.text[: spans[marks.last][1]], tuple(splices)
