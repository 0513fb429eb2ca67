"""The schedule: which of the tasks that could run is to run first.

Lower priority numbers go first; then the task from which the longest way leads down, by what executing took the last
time: what many wait for is not to begin last. Times of less than a step are alike, so that they are no dice.
"""

from collections.abc import Mapping

from relspec.core.graph import TaskGraph

#: Milliseconds. What takes less is one step, so that of small tasks it counts how many lie below each other.
_STEP_MS = 10.0


def schedule(
    graph: TaskGraph, tasks: frozenset[str], priorities: Mapping[str, int], durations_ms: Mapping[str, float]
) -> tuple[str, ...]:
    """Order `tasks` by (priority, longest way down first, generation, name); one without a duration takes a step.

    A priority may put a task before one that it needs. Else what is needed comes first: more lies below it. Cost:
    linear in the edges of `tasks`, whatever the size of the project.
    """
    generations = graph.generations(tasks)
    ways: dict[str, float] = {}
    # From below, since they are listed from above.
    for task in reversed(generations):
        ways[task] = ways.get(task, 0.0) + max(1.0, durations_ms.get(task, 0.0) // _STEP_MS)
        for above in graph.upstream(task):
            if above in generations:
                ways[above] = max(ways.get(above, 0.0), ways[task])
    return tuple(sorted(generations, key=lambda t: (priorities.get(t, 0), -ways[t], generations[t], t)))
