"""Every scenario file under this folder, played against the real engine, loader and store.

Breaks that were planted on purpose and caught here are in `tests/mutants/breaks.py`: among them DISTINCT and UNION that
need only what is read, a cone of one step, digests of single columns, and imports that are no cause to compile.
"""

from pathlib import Path

import pytest
from tests.scenarios.harness import Children, parse, replay

HERE = Path(__file__).parent
FILES = sorted(HERE.rglob("*.scenario"))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(HERE).with_suffix("")) for p in FILES])
async def test_exactly_what_must_run_runs(path: Path, tmp_path: Path, children: Children) -> None:
    with children.lent():
        await replay(path.read_text(), tmp_path / "project")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_scenario_that_expects_something_else_fails(tmp_path: Path, children: Children) -> None:
    text = "--- tasks/one.sql\nselect 1 as x\n=== expect\nexecuted:\n"
    with children.lent(), pytest.raises(AssertionError, match="line 1"):
        await replay(text, tmp_path / "project")


def test_every_scenario_has_an_edit_and_an_expectation() -> None:
    assert FILES
    for path in FILES:
        steps = parse(path.read_text())
        assert len(steps) > 1, path
        assert all(step.expected for step in steps), path
