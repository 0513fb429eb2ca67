"""One random project of the campaign, exported and run by Hamilton: the same graph, and the same tables?"""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.campaign.files import files_of
from tests.campaign.generate import new_project
from tests.flows.compare import differing, executed, graph_of, imported, task_graph
from tests.scenarios.harness import write

from relspec.app import local
from relspec.core.layout import Layout
from relspec.hamilton import Flow
from relspec.ui.render.hamilton import module_text

_TASKS = 14


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one seed."""

    n_tables: int
    n_functions: int
    same_graph: bool
    differing: list[str]


async def trial(seed: int, root: Path) -> Trial:
    """Build a project in the folder `root`, export it, and execute everything; children have to be lent."""
    (root / "tasks").mkdir(parents=True)
    write(root, files_of(new_project(random.Random(seed), _TASKS)))
    built = await _asked(root, "build")
    assert built["ok"], built
    document = await _asked(root, "export")
    path = root / "flow.py"
    path.write_text(module_text(document, "flow", "."))
    module = imported(path)
    with patch.object(Flow, "verify"):
        inputs = module.FLOW.inputs()
    tables = executed(module, inputs)
    same = graph_of(module) == task_graph(await _asked(root, "graph"))
    n_functions = sum(len(plan["udfs"]) for plan in document["plans"])
    return Trial(len(tables), n_functions, same, differing(root, tables))


async def _asked(root: Path, command: str) -> dict[str, Any]:
    return (await local._answer(Layout(root), command, {}, print))[1]
