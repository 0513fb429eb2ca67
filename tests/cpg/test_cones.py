"""What edits of Python source execute among the repository's own tasks, by exact lists.

Caught: a line in an id, the hash of a file among what a view hands on, a count of lines among the properties.
"""

from pathlib import Path

import pytest
from tests.scenarios.harness import Children, replay

CONES = Path(__file__).parent / "cones"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", sorted(CONES.iterdir()), ids=lambda path: path.stem)
async def test_an_edit_executes_what_it_has_to(path: Path, tmp_path: Path, children: Children) -> None:
    with children.lent():
        await replay(path.read_text(), tmp_path / "project")
