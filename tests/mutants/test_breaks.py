"""The planted breaks fit the code: each old text stands once, each test that has to notice is there."""

from pathlib import Path

import pytest
from tests.mutants.breaks import BREAKS
from tests.mutants.planted import Break

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("planted", BREAKS, ids=[b.name for b in BREAKS])
def test_a_break_fits_the_code(planted: Break) -> None:
    text = (ROOT / "src" / "relspec" / planted.file).read_text()
    assert text.count(planted.old) == 1
    assert planted.old != planted.new
    assert planted.tests
    assert all((ROOT / test.partition("::")[0]).exists() for test in planted.tests)


def test_every_break_has_a_name_of_its_own() -> None:
    assert len({b.name for b in BREAKS}) == len(BREAKS)
