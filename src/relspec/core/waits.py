"""Who waits for whom, and who waits in a circle."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import rustworkx as rx


def circles(waits: Mapping[str, AbstractSet[str]]) -> dict[str, tuple[str, ...]]:
    """Find the tasks that wait in a circle, each with a shortest one through it, in walking order from its own name."""
    graph: rx.PyDiGraph[str, None] = rx.PyDiGraph()
    index = {task: graph.add_node(task) for task in sorted(waits)}
    for task in sorted(waits):
        for other in sorted(waits[task]):
            if other in index:
                graph.add_edge(index[task], index[other], None)
    components = rx.strongly_connected_components(graph)
    around = (node for component in components if _is_circle(graph, component) for node in component)
    return {graph[node]: _walk(graph, node) for node in around}


def _is_circle(graph: "rx.PyDiGraph[str, None]", component: list[int]) -> bool:
    return len(component) > 1 or graph.has_edge(component[0], component[0])


def _walk(graph: "rx.PyDiGraph[str, None]", start: int) -> tuple[str, ...]:
    """The shortest way from a node back to it; of equally short ones the first by name."""
    came: dict[int, int] = {start: start}
    queue = [start]
    for node in queue:
        for following in sorted(graph.successor_indices(node), key=lambda i: graph[i]):
            if following == start:
                path = [node]
                while path[-1] != start:
                    path.append(came[path[-1]])
                return tuple(graph[i] for i in reversed(path))
            if following not in came:
                came[following] = node
                queue.append(following)
    raise AssertionError(f"{graph[start]} is in no circle")
