"""Two texts of one wording are one text to both parsers; where they might differ, there is no wording."""

import random

import duckdb
import pytest

from relspec.core.inline import Splice, spliced
from relspec.core.query import DUCKDB
from relspec.core.wording import Wording, marks_of, spliced_by, wording_of

TEXT = "select a.x+1 as y, 'it''s' as s from orders as a where x <-2 -- all"
_PIECES = (
    *("select", "group by", "a", '"A  b"', "''", "'x'", "E'x'", "x", "u", "1", "0x1", "1e5", ".5", "_1", "é"),
    *("::", "$1", "$$", *"-+*/@<>=!~|&:;,.()[]{}#%?\\"),
)
_GAPS = (" ", "  ", "\n", "\t", "\r\n", "\r", "\f", "\v", "\xa0", "\ufeff", "\0")
_COMMENTS = (
    "--\n",
    "-- x\n",
    "-- x\r",
    "--'\n",
    "/**/",
    "/* ' */",
    "/*+ x */",
    "/*/**/*/",
    "/* -- */",
    "{# x #}",
    "#x\n",
)


def plain(text: str) -> str | None:
    found = wording_of(text)
    return None if found is None else found.plain


@pytest.mark.parametrize(
    "text",
    [
        f"-- all\n{TEXT}",
        f"/* one\ntwo */ {TEXT}\n\n",
        TEXT.removesuffix(" -- all").replace(" ", "\n\t"),
        TEXT.replace("-- all", ""),
        TEXT.replace(" as ", " /* ' ** / -- */ as\r\n"),
    ],
)
def test_layout_and_comments_say_nothing(text: str) -> None:
    assert plain(text) is not None
    assert plain(text) == plain(TEXT)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("1", "2"),
        TEXT.replace("it''s", "it''s "),
        TEXT.replace("a.x+1", "a.x +1"),
        TEXT.replace("<-2", "< -2"),
        TEXT.replace("as y", "as Y"),
        TEXT.replace("where", "-- where"),
        f"{TEXT}\n;",
    ],
)
def test_another_token_is_another_text(text: str) -> None:
    assert plain(text) not in (None, plain(TEXT))


@pytest.mark.parametrize(
    "text",
    [
        "select 'a' \n 'b'",
        "select 'a' /* x */ 'b'",
        "select $$a -- b$$",
        "select E'\\' -- ' as x",
        "select /*+ hint */ 1",
        "select /* one /* two */ three */ 1",
        "select {# x #} 1",
        "select\xa01",
        "select list_filter(a, x ->/* y */ x > 1)",
        "select 1 /* x",
        "select 'x",
        "select 1 as x " + "-" * (1 << 16),
    ],
)
def test_where_a_parser_may_see_more_there_is_no_wording(text: str) -> None:
    assert wording_of(text) is None


def test_texts_of_one_wording_are_cut_alike_by_both_parsers() -> None:
    dice = random.Random(7)
    n_alike = 0
    for _ in range(4_000):
        pieces = dice.choices(_PIECES, k=dice.randint(1, 7))
        # In most of these neither parser can be led astray, so that there is something to compare.
        gaps = _GAPS[:5] + _COMMENTS[:6] if dice.random() < 0.7 else _GAPS + _COMMENTS
        one, other = (_Laid(pieces, dice, gaps) for _ in range(2))
        if plain(one.text) is None or plain(one.text) != plain(other.text):
            continue
        n_alike += one.text != other.text
        assert one.cuts() == other.cuts(), (one.text, other.text)
        assert _tokens(one.text) == _tokens(other.text)
    assert n_alike > 100


class _Laid:
    """Pieces with something or nothing between them."""

    def __init__(self, pieces: list[str], dice: random.Random, gaps: tuple[str, ...]) -> None:
        self.text, self._at = "", {}
        for i, piece in enumerate(pieces):
            self.text += "".join(dice.choices(gaps, k=dice.choice((0, 0, 1, 2))))
            self._at |= {len(self.text.encode()) + k: (i, k) for k in range(len(piece))}
            self.text += piece

    def cuts(self) -> list[tuple[object, tuple[int, int] | None]]:
        """Where DuckDB begins a token, by piece; within what is no piece it may begin none that counts."""
        return [(str(kind), self._at.get(start)) for start, kind in duckdb.tokenize(self.text)]


def _tokens(text: str) -> list[tuple[object, str]]:
    return [(token.token_type, token.text) for token in DUCKDB.tokenize(text)]


def test_splices_are_found_again_in_another_layout() -> None:
    one, other = _sure("select main.v.x from v;"), _sure("-- v\nselect main.v.x\nfrom /* v */ v;")
    splices = (Splice(7, 12, ""), Splice(21, 22, '"main"."v"'))
    marks = marks_of(one, splices, 22)
    assert marks is not None
    text, found = spliced_by(other, marks)
    assert spliced(text, found) == '-- v\nselect v.x\nfrom /* v */ "main"."v"'
    assert marks_of(one, splices, 19) is None
    assert marks_of(one, (Splice(8, 12, ""),), 22) is None


def _sure(text: str) -> Wording:
    found = wording_of(text)
    assert found is not None
    return found
