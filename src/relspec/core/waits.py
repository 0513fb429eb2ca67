"""Who waits for whom, and who waits in a circle."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import rustworkx as rx


def cycles(waits: Mapping[str, AbstractSet[str]]) -> tuple[tuple[str, ...], ...]:
    """Find the circles among tasks that wait: each in walking order, beginning with its first name."""
    graph: rx.PyDiGraph[str, None] = rx.PyDiGraph()
    index = {task: graph.add_node(task) for task in sorted(waits)}
    for task in sorted(waits):
        for other in sorted(waits[task]):
            if other in index:
                graph.add_edge(index[task], index[other], None)
    return tuple(
        _walk(graph, component) for component in rx.strongly_connected_components(graph) if _is_circle(graph, component)
    )


def _is_circle(graph: "rx.PyDiGraph[str, None]", component: list[int]) -> bool:
    return len(component) > 1 or graph.has_edge(component[0], component[0])


def _walk(graph: "rx.PyDiGraph[str, None]", component: list[int]) -> tuple[str, ...]:
    """One circle through the least name of a component."""
    start = min(component, key=lambda i: graph[i])
    within = set(component)
    path = [start]
    came: dict[int, int] = {start: start}
    queue = [start]
    while queue:
        node = queue.pop(0)
        for following in sorted(graph.successor_indices(node), key=lambda i: graph[i]):
            if following == start:
                path = [node]
                while path[-1] != start:
                    path.append(came[path[-1]])
                return tuple(graph[i] for i in reversed(path))
            if following in within and following not in came:
                came[following] = node
                queue.append(following)
    return tuple(graph[i] for i in path)
