"""The same of Ibis: what is written another way keeps its fingerprint, what gives other rows does not."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.equivalence.ibis_pairs import DIFFERENT, EQUAL, Build
from tests.equivalence.trial import Compiled, Trial

from relspec.edges.loader.rendering import Rendered, render
from relspec.edges.loader.types import ibis_table


@pytest.fixture(scope="module")
def trial() -> Trial:
    return Trial()


def rendered(trial: Trial, build: Build) -> str:
    """Write an expression as the loader does."""
    tables = [ibis_table(n, trial.schemas[n]) for n in ("orders", "customers", "returns")]
    found = render(build(*tables), tables, _no_function)
    assert isinstance(found, Rendered), found
    return found.text


def _no_function(function: Callable[..., Any]) -> tuple[str, str]:
    raise AssertionError(f"{function} is not expected")


def both(trial: Trial, pair: tuple[Build, Build]) -> tuple[Compiled, Compiled]:
    """Compile both sides of a pair."""
    one, other = (trial.compiled(rendered(trial, build)) for build in pair)
    assert isinstance(one, Compiled), one
    assert isinstance(other, Compiled), other
    return one, other


@pytest.mark.parametrize("pair", EQUAL.values(), ids=EQUAL.keys())
def test_what_is_written_another_way_keeps_its_fingerprint(pair: tuple[Build, Build], trial: Trial) -> None:
    one, other = both(trial, pair)
    assert trial.differing(one.sql, other.sql) is None
    assert one.coarse is None
    assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_gives_other_rows_has_another_fingerprint(pair: tuple[Build, Build], trial: Trial) -> None:
    one, other = both(trial, pair)
    assert trial.differing(one.sql, other.sql) is not None
    assert one.fingerprint != other.fingerprint


_ELSEWHERE = """
from tests.equivalence.test_ibis import EQUAL, DIFFERENT, Trial, both
trial = Trial()
print([[q.fingerprint for q in both(trial, pair)] for pair in (*EQUAL.values(), *DIFFERENT.values())])
"""


def test_another_process_with_another_hash_seed_gives_the_same_fingerprints(trial: Trial) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "5", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE], env=environment, capture_output=True, text=True, check=True, timeout=90
    )
    here = [[q.fingerprint for q in both(trial, pair)] for pair in (*EQUAL.values(), *DIFFERENT.values())]
    assert done.stdout.strip() == str(here)
