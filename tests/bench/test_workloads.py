"""Each workload has the edits that it says, and the example is the one that `init` writes."""

import ast
from pathlib import Path

import pytest
from tests.bench.edited import Places, edits
from tests.bench.example import Example
from tests.bench.scene import Scene
from tests.bench.steps import STEPS, Manner
from tests.bench.workloads import BY_NAME, WORKLOADS, Workload

EDITS = {step.name for step in STEPS if step.manner is Manner.EDIT}


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_a_workload_has_the_edits_that_it_says(workload: Workload, tmp_path: Path) -> None:
    subject = workload.subject(tmp_path, workload.sizes[0])
    said = set(workload.steps) & EDITS
    if isinstance(subject, Scene):
        assert said <= set(subject._kinds())
    elif not isinstance(subject, Example):
        assert said == set(edits(Places("f", 1, 0, (1, 0))))


@pytest.fixture
def example(tmp_path: Path) -> Example:
    made = Example(tmp_path)
    made.write()
    return made


@pytest.mark.parametrize("step", sorted((set(BY_NAME["init"].steps) & EDITS) - {"touch"}))
def test_an_edit_of_the_example_changes_one_file_each_time(example: Example, step: str) -> None:
    for _ in range(2):
        edit = example.edit(step)
        if edit.before is not None:
            edit.before()
        before = _texts(example.root)
        edit.apply()
        after = _texts(example.root)
        assert len([path for path in after if after[path] != before.get(path)]) == 1


def _texts(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_stored_tasks_of_the_example_are_all_but_its_view(example: Example) -> None:
    tasks = {path.stem for path in (example.root / "tasks").glob("*.sql")}
    for path in (example.root / "tasks").glob("*.py"):
        functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
        tasks |= {f.name for f in functions if any(ast.unparse(d).startswith("task") for d in f.decorator_list)}
    assert tasks - {"departures"} == example.tasks
