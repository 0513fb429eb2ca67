"""Every scenario file under this folder, played against the real engine, loader and store."""

from pathlib import Path

import pytest
from tests.scenarios.harness import parse, replay

HERE = Path(__file__).parent
FILES = sorted(HERE.rglob("*.scenario"))


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(HERE).with_suffix("")) for p in FILES])
async def test_exactly_what_must_run_runs(path: Path, tmp_path: Path) -> None:
    await replay(path.read_text(), tmp_path / "project")


async def test_a_scenario_that_expects_something_else_fails(tmp_path: Path) -> None:
    text = "--- tasks/one.sql\nselect 1 as x\n=== expect\nexecuted:\n"
    with pytest.raises(AssertionError, match="line 1"):
        await replay(text, tmp_path / "project")


def test_every_scenario_has_an_edit_and_an_expectation() -> None:
    assert FILES
    for path in FILES:
        steps = parse(path.read_text())
        assert len(steps) > 1, path
        assert all(step.expected for step in steps), path
