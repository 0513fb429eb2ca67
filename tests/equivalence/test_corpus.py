"""Every pair of the golden corpus keeps its claim, by fingerprint and by execution on every data set."""

from collections import Counter

import pytest
from tests.equivalence.corpus import Pair, read_pairs
from tests.equivalence.trial import Compiled, Trial

PAIRS = read_pairs()


@pytest.fixture(scope="module")
def trial() -> Trial:
    return Trial()


@pytest.mark.parametrize("base", PAIRS)
def test_pairs_keep_their_claims(base: str, trial: Trial) -> None:
    broken = [f"{p.verdict} {p.name}: {why}" for p in PAIRS[base] if (why := _broken(trial, p)) is not None]
    assert broken == []


def _broken(trial: Trial, pair: Pair) -> str | None:
    """Say what is wrong with a pair, if anything."""
    base, other = trial.compiled(pair.base), trial.compiled(pair.other)
    assert isinstance(base, Compiled)
    if not isinstance(other, Compiled):
        # An edit may break a query: it has no fingerprint then. A rule may not.
        return f"does not compile: {other}" if pair.verdict == "=" else None
    differing = trial.differing(base.sql, other.sql)
    same = base.fingerprint == other.fingerprint
    match pair.verdict:
        case "=" if not same:
            return f"two fingerprints {other.coarse or ''}"
        case "=" | "~" if differing is not None:
            return f"two results on {differing!r}"
        case "!" if same:
            return "one fingerprint"
        case "!" if differing is None:
            return "nothing shows the difference"
        case _:
            return None


def test_each_base_gives_rows(trial: Trial) -> None:
    for pairs in PAIRS.values():
        base = trial.compiled(pairs[0].base)
        assert isinstance(base, Compiled)
        assert base.coarse is None
        rows = Counter(data for data in trial.databases if getattr(trial.result(base.sql, data), "rows", None))
        assert len(rows) > 1, base.sql


def test_the_corpus_is_large() -> None:
    verdicts = Counter(p.verdict for pairs in PAIRS.values() for p in pairs)
    assert verdicts["="] > 600
    assert verdicts["!"] > 450
