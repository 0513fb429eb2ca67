"""The benchmark's project: a layered DAG of N SQL tasks on small tables, the same for every run of one N.

The first tenth reads the source, every other task joins one to three tasks of the two layers above it and gives fifty
rows. Names are `m_00000` and on; a task's text carries a constant, so that an edit is another constant.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import duckdb

LAYERS = 10
GROUPS = 50


@dataclass(frozen=True, slots=True)
class Node:
    """One task: its name and the tasks that it reads (none: the source)."""

    name: str
    upstream: tuple[str, ...]


def dag(n_tasks: int, seed: int = 7) -> tuple[Node, ...]:
    """Draw the DAG of `n_tasks` tasks."""
    draw = random.Random(seed)
    per_layer = max(1, n_tasks // LAYERS)
    nodes = []
    for i in range(n_tasks):
        layer = min(i // per_layer, LAYERS - 1)
        if layer == 0:
            nodes.append(Node(_name(i), ()))
            continue
        above = range((layer - 1) * per_layer, layer * per_layer)
        wider = range(max(0, layer - 2) * per_layer, layer * per_layer)
        chosen = {draw.choice(above)} | {draw.choice(wider) for _ in range(draw.randrange(3))}
        nodes.append(Node(_name(i), tuple(_name(u) for u in sorted(chosen))))
    return tuple(nodes)


def _name(index: int) -> str:
    return f"m_{index:05d}"


def cone(nodes: tuple[Node, ...], start: str) -> tuple[str, ...]:
    """The task `start` and everything below it, in an order that can be executed."""
    inside = {start}
    for node in nodes:
        if not inside.isdisjoint(node.upstream):
            inside.add(node.name)
    return tuple(node.name for node in nodes if node.name in inside)


def targets(nodes: tuple[Node, ...]) -> dict[str, str]:
    """A leaf, the tasks whose cones are nearest to 10 and to 100 tasks, and the root with the largest cone."""
    sizes = {node.name: len(cone(nodes, node.name)) for node in _sampled(nodes)}
    roots = [node.name for node in nodes if not node.upstream and node.name in sizes]
    return {
        "leaf": nodes[-1].name,
        "cone 10": min(sizes, key=lambda n: (abs(sizes[n] - 10), n)),
        "cone 100": min(sizes, key=lambda n: (abs(sizes[n] - 100), n)),
        "root": max(roots, key=lambda n: (sizes[n], n)),
    }


def _sampled(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Every task of a small project, some thousand of a large one: enough to find cones of all sizes."""
    return nodes[:: max(1, len(nodes) // 1000)]


def query(node: Node, constant: int) -> str:
    """The SQL of one task."""
    if not node.upstream:
        shift = int(node.name[2:]) % 7 + constant
        return f"select k % {GROUPS} as g, x + {shift} as x, s from base where k < {2 * GROUPS}\n"
    aliases = "abc"[: len(node.upstream)]
    total = " + ".join(f"{a}.x" for a in aliases)
    first, *rest = zip(aliases, node.upstream, strict=True)
    joins = "".join(f"\njoin {name} as {a} on a.g = {a}.g" for a, name in rest)
    select = f"select a.g, cast(sum({total}) / {8 * len(aliases)} + {constant} as bigint) as x, max(a.s) as s"
    return f"{select}\nfrom {first[1]} as {first[0]}{joins}\ngroup by a.g\n"


def write_project(root: Path, nodes: tuple[Node, ...]) -> None:
    """Write the project's files below `root`."""
    (root / "tasks").mkdir(parents=True)
    (root / "data").mkdir()
    write_data(root, 0)
    for node in nodes:
        (root / "tasks" / f"{node.name}.sql").write_text(query(node, 0))


def write_data(root: Path, constant: int) -> None:
    """Write the source: `unused` alone depends on the constant, and no task reads it."""
    aside = root / "data" / ".base.parquet"
    with duckdb.connect() as connection:
        columns = f"i as k, i * 7 % 1000 as x, 's' || i % 10 as s, i + {constant} as unused"
        connection.execute(f"copy (select {columns} from range(1000) t(i)) to '{aside}' (format parquet)")
    aside.rename(root / "data" / "base.parquet")


def save(path: Path, text: str) -> None:
    """Save as editors do: a file aside, renamed into place."""
    aside = path.with_name(f".{path.name}.new")
    aside.write_text(text)
    aside.rename(path)
