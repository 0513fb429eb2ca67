"""A short slice of the command: a random project is the same graph with the same tables in Hamilton.

Breaks that were tried and caught: required columns given as NULL, and a reader of a view without the view.
"""

from pathlib import Path

from tests.app.conftest import in_one_loop
from tests.flows.trial import Trial, trial
from tests.scenarios.harness import Children


@in_one_loop
async def test_a_random_project_is_the_same_in_hamilton(children: Children, tmp_path: Path) -> None:
    with children.lent():
        # A seed that makes views and a Python function.
        found = await trial(1, tmp_path / "project")
    assert found == Trial(n_tables=14, n_functions=1, same_graph=True, differing=[])
