"""The order of work: generations of the cone, each ordered by (priority, name). Lower priority numbers go first."""

from collections.abc import Mapping

from relspec.core.graph import TaskGraph


def schedule(graph: TaskGraph, tasks: frozenset[str], priorities: Mapping[str, int]) -> tuple[tuple[str, ...], ...]:
    """Arrange `tasks` in generations: a task comes after everything that it requires among `tasks`."""
    levels: dict[int, list[str]] = {}
    for task, number in graph.generations(tasks).items():
        levels.setdefault(number, []).append(task)
    return tuple(tuple(sorted(levels[number], key=lambda t: (priorities.get(t, 0), t))) for number in sorted(levels))
