"""`graph --cone`: which nodes a change of a task could reach.

Breaks that were tried and caught: leaving the outputs out, marking what is above, and taking only the first task.
"""

import pytest
from tests.app.conftest import Project, in_one_loop

from relspec.core.errors import UnknownNameError

pytestmark = pytest.mark.usefixtures("lent")


async def marked(project: Project, *tasks: str) -> dict[str, bool]:
    document = (await project.ask("graph", tasks=list(tasks)))[1]
    return {node["id"]: node["in_cone"] for node in document["nodes"]}


@in_one_loop
async def test_the_cone_is_the_task_with_what_is_below_it_and_their_outputs(project: Project) -> None:
    project.save("tasks/peak.sql", "select max(amount) as peak from orders\n")
    expected = {
        "evidence:daily": False,
        "evidence:orders": False,
        "evidence:peak": False,
        "evidence:total": True,
        "task:daily": False,
        "task:peak": False,
        "task:total": True,
    }
    assert await marked(project, "total") == expected
    assert await marked(project, "TOTAL", "peak") == expected | {"evidence:peak": True, "task:peak": True}
    assert [n for n, inside in (await marked(project, "daily")).items() if inside] == [
        *("evidence:daily", "evidence:total"),
        *("task:daily", "task:total"),
    ]


@in_one_loop
async def test_a_graph_without_a_cone_says_nothing_of_one(project: Project) -> None:
    assert all(set(node) == {"id", "kind", "name"} for node in (await project.ask("graph"))[1]["nodes"])


@in_one_loop
async def test_a_cone_of_no_task_is_a_usage_error_with_the_nearest_name(project: Project) -> None:
    with pytest.raises(UnknownNameError) as caught:
        await project.ask("graph", tasks=["totl"])
    assert (caught.value.exit_code, caught.value.hint) == (2, "did you mean 'total'?")
