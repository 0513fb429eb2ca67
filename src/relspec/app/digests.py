"""Edge digests: what a reader requires of a dataset, as one hash. Measured once a content and column set, then known.

One scan of a part serves all its readers: when one column set is missing, those of all readers are measured with it.
"""

import asyncio

from relspec.app.ports import Engines, Memory
from relspec.core.dataset import Dataset, Part
from relspec.core.digest import BagDigest, columns_digest, combine, edge_digest
from relspec.core.graph import TaskGraph
from relspec.core.plan import Requirement
from relspec.core.schema import Column
from relspec.core.state import DigestRow
from relspec.core.work import Measure


class Digests:
    """The digests of one run, over those of all earlier ones. `fresh` are for the next commit.

    `engine` is the identity of what measures: what another one measured is not known here.
    """

    def __init__(self, engines: Engines, memory: Memory, graph: TaskGraph, engine: str) -> None:
        self._engines = engines
        self._memory = memory
        self._graph = graph
        self._engine = engine
        self._known: dict[tuple[str, str], BagDigest] = {}
        self._looked_up: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}
        self.fresh: dict[tuple[str, str], BagDigest] = {}

    async def edge(self, dataset: Dataset, need: Requirement) -> str:
        """The edge digest of `dataset` for one reader. Cost: a scan of each part that is not known yet."""
        columns = dataset.schema.restrict(c.name for c in need.columns)
        if not columns:
            return edge_digest(self._engine, (), BagDigest(sum(p.rows for p in dataset.parts), f"{0:032x}"))
        bags = [await self._bag(dataset, part, columns) for part in dataset.parts]
        return edge_digest(self._engine, columns, combine(bags))

    def learn(self, content: str, columns: tuple[Column, ...], bag: BagDigest) -> None:
        """Take over a bag that came with an execution."""
        key = (content, self._name(columns))
        self._known[key] = self.fresh[key] = bag

    def rows(self) -> tuple[DigestRow, ...]:
        """What was measured since the start, for the store."""
        return tuple(DigestRow(content, columns, bag) for (content, columns), bag in sorted(self.fresh.items()))

    def column_sets(self, dataset: Dataset) -> tuple[tuple[Column, ...], ...]:
        """What the readers of a dataset require of it, each set once, without the empty one."""
        sets = {
            dataset.schema.restrict(c.name for c in need.columns) for need in self._graph.requirements(dataset.name)
        }
        return tuple(sorted((s for s in sets if s), key=lambda s: [c.name for c in s]))

    async def _bag(self, dataset: Dataset, part: Part, columns: tuple[Column, ...]) -> BagDigest:
        key = (part.content, self._name(columns))
        async with self._locks.setdefault(part.content, asyncio.Lock()):
            if part.content not in self._looked_up:
                self._looked_up.add(part.content)
                self._known |= {k: v for k, v in self._memory.bags([part.content]).items() if k not in self._known}
            if key not in self._known:
                wanted = {self._name(s): s for s in (columns, *self.column_sets(dataset))}
                missing = {d: s for d, s in wanted.items() if (part.content, d) not in self._known}
                measured = await self._engines.measure(Measure(part, tuple(missing.values())))
                for digest, bag in zip(missing, measured.bags, strict=True):
                    self._known[part.content, digest] = self.fresh[part.content, digest] = bag
        return self._known[key]

    def _name(self, columns: tuple[Column, ...]) -> str:
        return columns_digest(self._engine, columns)
