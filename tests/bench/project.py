"""The benchmark's projects: DAGs of N tasks that are the same for every run of one N, and what each task says in SQL.

The tasks at the top read the source, every other one joins up to three others, and each gives fifty rows or, where it
is `whole`, as many as the source. Names are `m_00000` and on. A task's text carries a constant, and each constant gives
other rows there and in every task below it: what a constant adds to a task is itself times the number of ways down to
there, both below the modulus, which is a prime. So what must execute is known beforehand: the cone.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import duckdb

LAYERS = 10
GROUPS = 50
MODULUS = 1_000_003


@dataclass(frozen=True, slots=True)
class Node:
    """One task: its name, the tasks that it reads (none: the source), how many columns it adds to the common three.

    One that is `whole` keeps every row that it reads.
    """

    name: str
    upstream: tuple[str, ...]
    n_extra: int = 0
    whole: bool = False


def dag(n_tasks: int, seed: int = 7, n_extra: int = 0) -> tuple[Node, ...]:
    """Draw the layered DAG: the first tenth reads the source, the rest one to three tasks of the two layers above."""
    draw = random.Random(seed)
    per_layer = max(1, n_tasks // LAYERS)
    nodes = []
    for i in range(n_tasks):
        layer = min(i // per_layer, LAYERS - 1)
        if layer == 0:
            nodes.append(Node(_name(i), (), n_extra))
            continue
        above = range((layer - 1) * per_layer, layer * per_layer)
        wider = range(max(0, layer - 2) * per_layer, layer * per_layer)
        chosen = {draw.choice(above)} | {draw.choice(wider) for _ in range(draw.randrange(3))}
        nodes.append(Node(_name(i), tuple(_name(u) for u in sorted(chosen)), n_extra))
    return tuple(nodes)


def fan(n_tasks: int) -> tuple[Node, ...]:
    """One task, and all others read it."""
    return (Node(_name(0), ()), *(Node(_name(i), (_name(0),)) for i in range(1, n_tasks)))


def chain(n_tasks: int, *, whole: bool = False) -> tuple[Node, ...]:
    """Each task reads the one before."""
    return tuple(Node(_name(i), (_name(i - 1),) if i else (), whole=whole) for i in range(n_tasks))


def _name(index: int) -> str:
    return f"m_{index:05d}"


def cone(nodes: tuple[Node, ...], *starts: str) -> tuple[str, ...]:
    """The tasks `starts` and everything below them, in an order that can be executed."""
    inside = set(starts)
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


def extras(node: Node) -> tuple[str, ...]:
    """The names of the columns that a task adds to `g`, `x` and `s`."""
    return tuple(f"c_{i:03d}" for i in range(node.n_extra))


def shift(node: Node, constant: int) -> int:
    """What a task that reads the source adds to `x`: its own number, and the constant of an edit."""
    return int(node.name[2:]) % 7 + constant


def query(node: Node, constant: int, low: int = 0) -> str:
    """The SQL of one task; `low` is a bound below all keys, which changes the text of a task at the top and no row."""
    if not node.upstream:
        return _top(node, constant, low)
    if node.whole:
        return f"select g, (x + {constant}) % {MODULUS} as x, s\nfrom {node.upstream[0]}\n"
    aliases = "abc"[: len(node.upstream)]
    total = " + ".join(f"{a}.x" for a in aliases)
    more = "".join(f", max(a.{c}) as {c}" for c in extras(node))
    first, *rest = zip(aliases, node.upstream, strict=True)
    joins = "".join(f"\njoin {name} as {a} on a.g = {a}.g" for a, name in rest)
    select = f"select a.g, (max({total}) + {constant}) % {MODULUS} as x, max(a.s) as s{more}"
    return f"{select}\nfrom {first[1]} as {first[0]}{joins}\ngroup by a.g\n"


def _top(node: Node, constant: int, low: int) -> str:
    x = f"(x + {shift(node, constant)}) % {MODULUS} as x"
    if node.whole:
        return f"select k as g, {x}, s\nfrom base\nwhere k >= {-low}\n"
    more = "".join(f", {c}" for c in extras(node))
    return f"select k % {GROUPS} as g, {x}, s{more}\nfrom base\nwhere k >= {-low} and k < {2 * GROUPS}\n"


def write_project(root: Path, nodes: tuple[Node, ...]) -> None:
    """Write the project's files below `root`, a `.sql` file a task."""
    (root / "tasks").mkdir(parents=True)
    (root / "data").mkdir()
    write_data(root, 0)
    for node in nodes:
        (root / "tasks" / f"{node.name}.sql").write_text(query(node, 0))


def write_data(root: Path, constant: int) -> None:
    """Write the source: `unused` alone depends on the constant, and no task reads it."""
    aside = root / "data" / ".base.parquet"
    write_rows(aside, range(1000), constant, 0)
    aside.rename(root / "data" / "base.parquet")


def write_rows(path: Path, keys: range, constant: int, n_extra: int) -> None:
    """Write rows of the source into one file."""
    more = "".join(f", i * {7 + c} % 1000 as c_{c:03d}" for c in range(n_extra))
    columns = f"i as k, i * 7 % 1000 as x, 's' || i % 10 as s, i + {constant} as unused{more}"
    with duckdb.connect() as connection:
        rows = f"select {columns} from range({keys.start}, {keys.stop}) t(i)"
        connection.execute(f"copy ({rows}) to '{path}' (format parquet)")


def save(path: Path, text: str) -> None:
    """Save as editors do: a file aside, renamed into place."""
    aside = path.with_name(f".{path.name}.new")
    aside.write_text(text)
    aside.rename(path)
