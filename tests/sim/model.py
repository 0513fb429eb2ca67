"""What the files mean, told without the product: every table that has to be there, and which tasks cannot be.

A task is broken where its text is no query, where something that it reads is broken or not there, or lacks a column,
and where tasks read each other in a circle. The key of a task is what its result hangs on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from tests.sim import language, pyfiles
from tests.sim.configured import CONFIG, folders
from tests.sim.language import Query, Table, WrongError

from relspec.core.problem import Problem
from relspec.core.sqlfile import sql_task


@dataclass
class Meaning:
    """The tables by name, `None` where it is broken; `tasks` are those that are no sources, by kind.

    The `undeclared` have a file with wrong options: if it was well before there is a task, else none.
    """

    tables: dict[str, Table | None] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)
    undeclared: set[str] = field(default_factory=set)
    keys: dict[str, tuple[object, ...]] = field(default_factory=dict)


def meaning(files: Mapping[str, bytes]) -> Meaning:
    """What a state of the files means."""
    return _meaning(tuple(sorted(files.items())))


@lru_cache(maxsize=4_000)
def _meaning(files: tuple[tuple[str, bytes], ...]) -> Meaning:
    found = Meaning()
    queries: dict[str, Query | None] = {}
    below = folders(dict(files).get(CONFIG, b""))
    for path, data in files:
        name = path.rpartition("/")[2].rpartition(".")[0]
        if path.startswith("data/") and path.endswith(".csv"):
            try:
                found.tables[name] = language.table_of_csv(data)
            except WrongError:
                found.tables[name] = None
        elif path.startswith(below) and path.endswith(".sql"):
            text = data.decode()
            if isinstance(sql_task(path, text), Problem):
                found.undeclared.add(name)
            found.tasks[name] = next((kind for kind in ("view", "compute") if f"kind={kind}" in text), "table")
            try:
                queries[name] = None if name in found.undeclared else language.parse(text)
            except WrongError:
                queries[name] = None
        elif path.startswith(below) and path.endswith(".py") and not pyfiles.declares_nothing(data):
            _take_python(found, queries, name, data, dict(files))
    whole: dict[str, Query] = {}
    for name in _ordered(queries):
        _settle(found, name, queries[name], whole)
    for name in queries:
        found.tables.setdefault(name, None)
    return found


def _take_python(
    found: Meaning, queries: dict[str, Query | None], name: str, data: bytes, files: Mapping[str, bytes]
) -> None:
    """A Python file that does not load: its task is known if it ever loaded. A helper has none."""
    if name == "helper":
        return
    if not pyfiles.loads(data, files):
        found.undeclared.add(name)
    said = pyfiles.read(data)
    text = None if said is None else said.query(files.get(pyfiles.HELPER))
    found.tasks[name] = "table"
    queries[name] = None if text is None else language.parse(text)


def _ordered(queries: Mapping[str, Query | None]) -> list[str]:
    """The tasks after what they read; those in a circle, and below one, are left out."""
    reads = {n: set() if q is None else language.datasets(q) & queries.keys() for n, q in queries.items()}
    order: list[str] = []
    while ready := [name for name in sorted(reads) if reads[name] <= set(order) and name not in order]:
        order += ready
    return order


def _settle(found: Meaning, name: str, query: Query | None, whole: dict[str, Query]) -> None:
    found.tables[name] = None
    if query is None:
        return
    inputs = {d: found.tables.get(d) for d in language.datasets(query)}
    tables = {d: table for d, table in inputs.items() if table is not None}
    if len(tables) < len(inputs):
        return
    try:
        found.tables[name] = language.evaluate(query, tables)
    except WrongError:
        return
    views = {d: whole[d] for d in inputs if found.tasks.get(d) == "view"}
    whole[name] = language.inlined(query, views)
    found.keys[name] = (name, language.render(whole[name]), *_edges(found, whole[name]))


def _edges(found: Meaning, query: Query) -> list[object]:
    edges: list[object] = []
    for dataset, wanted in sorted(language.required(query).items()):
        table = found.tables[dataset]
        assert table is not None
        places = [i for i, (name, _) in enumerate(table[0]) if name in wanted]
        columns = tuple(sorted(table[0][i] for i in places))
        by_name = sorted(places, key=lambda i: table[0][i])
        edges.append((dataset, columns, tuple(sorted(repr([row[i] for i in by_name]) for row in table[1]))))
    return edges
