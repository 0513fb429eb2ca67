"""Edge digests: what a reader requires of a dataset, as one hash. Measured once a content and column set, then known.

One scan of a part serves all its readers: when one column set is missing, those of all readers are measured with it.
Parts that lack the same are measured together. A part of which the required columns have the bytes that they had in
another one has its bag: it is known by the print, the joint hash of these bytes, as well as by content. The bag of a
dataset of many parts is that of the last time, less what went, plus what came.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from relspec.app.ports import Engines, Memory
from relspec.app.together import together
from relspec.core.dataset import Dataset, Part
from relspec.core.digest import NO_ROWS, BagDigest, columns_digest, combine, digest_of, edge_digest, without
from relspec.core.graph import TaskGraph
from relspec.core.plan import Requirement
from relspec.core.schema import Column
from relspec.core.state import DigestRow, SourceState
from relspec.core.work import Measure

#: So many parts are measured by one process at a time; others measure the rest.
PARTS_MAX = 256


@dataclass
class Sums:
    """What outlives a run: what measures, the sources as they are, and the bags of datasets as last added up.

    Those are known by name and column set, with the parts that they are of. What another `engine` measured is not.
    """

    engine: str
    sources: Mapping[str, SourceState]
    known: dict[tuple[str, str], tuple[tuple[Part, ...], BagDigest]] = field(default_factory=dict)


class Digests:
    """The digests of one run, over those of all earlier ones. `fresh` are for the next commit."""

    def __init__(self, engines: Engines, memory: Memory, graph: TaskGraph, sums: Sums) -> None:
        self._engines = engines
        self._memory = memory
        self._graph = graph
        self._engine = sums.engine
        self._sums = sums
        self._known: dict[tuple[str, str], BagDigest] = {}
        self._looked_up: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}
        self.fresh: dict[tuple[str, str], BagDigest] = {}

    async def edge(self, dataset: Dataset, need: Requirement) -> str:
        """The edge digest of `dataset` for one reader. Cost: a scan of each part that is not known yet."""
        columns = dataset.schema.restrict(c.name for c in need.columns)
        if not columns:
            return edge_digest(self._engine, (), BagDigest(sum(p.rows for p in dataset.parts), NO_ROWS.total))
        async with self._locks.setdefault(dataset.name, asyncio.Lock()):
            return edge_digest(self._engine, columns, await self._bag(dataset, columns))

    def learn(self, content: str, columns: tuple[Column, ...], bag: BagDigest) -> None:
        """Take over a bag that came with an execution."""
        key = (content, self._name(columns))
        self._known[key] = self.fresh[key] = bag

    def rows(self) -> tuple[DigestRow, ...]:
        """What was measured since the start, for the store."""
        return tuple(DigestRow(content, columns, bag) for (content, columns), bag in sorted(self.fresh.items()))

    def column_sets(self, dataset: Dataset) -> tuple[tuple[Column, ...], ...]:
        """What the readers of a dataset require of it, each set once, without the empty one."""
        return column_sets(self._graph, dataset)

    async def _bag(self, dataset: Dataset, columns: tuple[Column, ...]) -> BagDigest:
        name = self._name(columns)
        parts, total = self._sums.known.get((dataset.name, name), ((), NO_ROWS))
        if parts is not dataset.parts:
            before, after = _contents(parts), _contents(dataset.parts)
            gone, came = before - after, after - before
            # What was executed in this run came with its bags: nothing older has to be read.
            self._look_up(content for content in (*gone, *came) if (content, name) not in self._known)
            if any((content, name) not in self._known for content in gone):
                # What it was is forgotten.
                total, gone, came = NO_ROWS, Counter[str](), after
                self._look_up(came)
            await self._measure(dataset, columns, came)
            total = combine([total, *(self._known[content, name] for content in came.elements())])
            total = without(total, (self._known[content, name] for content in gone.elements()))
            self._sums.known[dataset.name, name] = (dataset.parts, total)
        return total

    def _look_up(self, contents: Iterable[str]) -> None:
        unknown = [content for content in contents if content not in self._looked_up]
        if unknown:
            self._looked_up.update(unknown)
            for key, bag in self._memory.bags(unknown).items():
                self._known.setdefault(key, bag)

    async def _measure(self, dataset: Dataset, columns: tuple[Column, ...], contents: Iterable[str]) -> None:
        """Measure what of these parts is not known, in batches of those that lack the same."""
        own = self._name(columns)
        unknown = {content for content in contents if (content, own) not in self._known}
        if not unknown:
            return
        wanted = {self._name(s): s for s in (columns, *self.column_sets(dataset))}
        prints = self._prints(dataset, unknown, wanted)
        self._recognise(prints)
        batches: defaultdict[tuple[str, ...], dict[str, Part]] = defaultdict(dict)
        for part in (part for part in dataset.parts if part.content in unknown):
            missing = tuple(name for name in wanted if (part.content, name) not in self._known)
            if own in missing:
                batches[missing][part.content] = part
        requests = [
            (missing, Measure(some, tuple(wanted[name] for name in missing)))
            for missing, parts in batches.items()
            for some in _batches(list(parts.values()))
        ]
        await together(self._ask(missing, request) for missing, request in requests)
        for key, print_ in prints.items():
            if key in self._known:
                self.fresh[print_, key[1]] = self._known[key]

    def _prints(
        self, dataset: Dataset, contents: Collection[str], wanted: Mapping[str, Iterable[Column]]
    ) -> dict[tuple[str, str], str]:
        """The prints of some parts by content and name of the column set, as far as they have any."""
        found = _hashes(self._sums.sources.get(dataset.name), contents)
        prints = {(content, name): _print(hashes, s) for content, hashes in found for name, s in wanted.items()}
        return {key: print_ for key, print_ in prints.items() if print_ is not None}

    def _recognise(self, prints: Mapping[tuple[str, str], str]) -> None:
        """Take over the bags that are known by prints."""
        self._look_up(prints.values())
        for (content, name), print_ in prints.items():
            bag = self._known.get((print_, name))
            if bag is not None:
                self._known[content, name] = self.fresh[content, name] = bag

    async def _ask(self, names: tuple[str, ...], request: Measure) -> None:
        measured = await self._engines.measure(request)
        for part, bags in zip(request.parts, measured.bags, strict=True):
            for name, bag in zip(names, bags, strict=True):
                self._known[part.content, name] = self.fresh[part.content, name] = bag

    def _name(self, columns: tuple[Column, ...]) -> str:
        return columns_digest(self._engine, columns)


def column_sets(graph: TaskGraph, dataset: Dataset) -> tuple[tuple[Column, ...], ...]:
    """What the readers of a dataset require of it, each set once, without the empty one."""
    sets = {dataset.schema.restrict(c.name for c in need.columns) for need in graph.requirements(dataset.name)}
    return tuple(sorted((s for s in sets if s), key=lambda s: [c.name for c in s]))


def prints_of(source: SourceState, graph: TaskGraph) -> frozenset[str]:
    """The prints by which the parts of a source are known to its readers now."""
    dataset = source.dataset
    if dataset is None:
        return frozenset()
    found = _hashes(source, {part.content for part in dataset.parts})
    prints = (_print(hashes, columns) for _, hashes in found for columns in column_sets(graph, dataset))
    return frozenset(print_ for print_ in prints if print_ is not None)


def _hashes(source: SourceState | None, contents: Collection[str]) -> list[tuple[str, Mapping[str, str]]]:
    """The hashes of columns of the parts of a source that are of these contents."""
    taken = (file.taken for file in (() if source is None else source.files))
    return [(t.part.content, dict(t.columns)) for t in taken if t is not None and t.part.content in contents]


def _print(hashes: Mapping[str, str], columns: Iterable[Column]) -> str | None:
    """Hash the bytes of a set of columns together; `None` where those of one are not known."""
    names = sorted(column.name.lower() for column in columns)
    return digest_of("print", *(hashes[name] for name in names)) if hashes.keys() >= set(names) else None


def _batches(parts: Sequence[Part]) -> Iterator[tuple[Part, ...]]:
    return (tuple(parts[start : start + PARTS_MAX]) for start in range(0, len(parts), PARTS_MAX))


def _contents(parts: Iterable[Part]) -> Counter[str]:
    """How often each content is there, of parts that have rows."""
    return Counter(part.content for part in parts if part.rows)
