"""What the name of a file says."""

from pathlib import PurePosixPath

import pytest

from relspec.core.tree import suffix_of

NAMES = ("a.sql", ".sql", "a", "a.b.py", ".a.py", "x.d/a", "x.d/.py", "x.d/a.PY", "/x/a.sql", "a .sql")


@pytest.mark.parametrize("name", NAMES)
def test_a_suffix_is_that_of_pathlib(name: str) -> None:
    assert suffix_of(name) == PurePosixPath(name).suffix
