"""The golden corpus: pairs of queries in `pairs.txt`, each with what it claims.

`=` says that both have one fingerprint and one result, `!` that their results differ and so must their fingerprints,
`~` that no data set shows a difference: the fingerprints may be either. The pairs are made from the base queries by
our rules and edits (`python -m tests.equivalence` writes the file), and the file is what the tests read: a reviewer
sees the queries, and a parser that generates other text changes a file in the repository and not a claim in silence.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlglot
from sqlglot import exp
from tests.equivalence.bases import BASES
from tests.equivalence.mutations import MUTATIONS
from tests.equivalence.mutations_of_outputs import MUTATIONS_OF_OUTPUTS
from tests.equivalence.rules import RULES
from tests.equivalence.trial import Result, Trial

from relspec.core.query import DUCKDB

PAIRS = Path(__file__).with_name("pairs.txt")


@dataclass(frozen=True, slots=True)
class Pair:
    """`other` is made of `base` by the rule or edit `name`; `verdict` is `=`, `!` or `~`."""

    name: str
    verdict: str
    base: str
    other: str


def read_pairs() -> dict[str, list[Pair]]:
    """Read the corpus: the pairs by the name of their base."""
    pairs: dict[str, list[Pair]] = {}
    for block in PAIRS.read_text("utf-8").split("\n## ")[1:]:
        name, *parts = block.rstrip("\n").split("\n\n")
        title, base = name.split("\n", maxsplit=1)
        pairs[title] = [_pair(base, part) for part in parts]
    return pairs


def _pair(base: str, part: str) -> Pair:
    title, other = part.split("\n", maxsplit=1)
    return Pair(title[2:], title[0], base, other)


def written(trial: Trial) -> str:
    """Make the whole text of the corpus."""
    text = "Written by `python -m tests.equivalence`; `corpus.py` says what the signs mean.\n"
    for name, base in BASES.items():
        text += f"\n## {name}\n{base}\n"
        for pair in _made(trial, base):
            text += f"\n{pair.verdict} {pair.name}\n{pair.other}\n"
    return text


def _made(trial: Trial, base: str) -> Iterator[Pair]:
    for name, other in _rewritten(base):
        yield Pair(name, "=", base, other)
    for name, mutate in {**MUTATIONS, **MUTATIONS_OF_OUTPUTS}.items():
        other = _text(mutate(_parsed(base)), base)
        verdict = None if other is None else _verdict(trial, base, other)
        if other is not None and verdict is not None:
            yield Pair(name, verdict, base, other)


def _rewritten(base: str) -> Iterator[tuple[str, str]]:
    yield "comments", _commented(base)
    yield "layout", _parsed(base).sql("duckdb", pretty=True) + "\n;"
    for name, rule in RULES.items():
        other = _text(rule(_parsed(base)), base)
        if other is not None:
            yield name, other


def _verdict(trial: Trial, base: str, other: str) -> str | None:
    if any(trial.result(other, data) == INTERRUPTED for data in trial.databases):
        return None
    if trial.differing(base, other) is not None:
        return "!"
    return "~" if isinstance(trial.result(other, "empty"), Result) else None


INTERRUPTED = "INTERRUPT Error: Interrupted!"


def _parsed(text: str) -> exp.Expr:
    tree = sqlglot.parse_one(text, dialect="duckdb")
    assert isinstance(tree, exp.Expr)
    return tree


def _text(tree: exp.Expr | None, base: str) -> str | None:
    text = None if tree is None else tree.sql("duckdb")
    return None if text == _parsed(base).sql("duckdb") else text


def _commented(base: str) -> str:
    tokens = [base[t.start : t.end + 1] for t in DUCKDB.tokenize(base)]
    return (
        "-- before\n"
        + " /* between */\n  ".join([" ".join(tokens[:3]), *tokens[3:6], " ".join(tokens[6:])])
        + " -- after"
    )
