"""A desk: the watch and the scan of one project, joined as the daemon joins them, and nothing behind them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from relspec.core.layout import Layout
from relspec.core.settings import Settings, WatchSettings
from relspec.core.tree import Tree
from relspec.edges.files import Files
from relspec.edges.watch import FileWatcher
from relspec.edges.watch.source import Source
from relspec.edges.watch.watcher import usual_source

#: Far longer than anything here takes; an audit in between would hide what the events missed.
DEADLINE_S = 20.0
QUIET = WatchSettings(audit_s=3_600)

Hints = frozenset[str] | None


@dataclass
class Desk:
    """A watcher with a consumer that scans on every hint, as the daemon does."""

    root: Path
    files: Files
    watcher: FileWatcher
    tree: Tree = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    hints: list[Hints] = field(default_factory=list)
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def consume(self) -> None:
        async for hint in self.watcher.hints():
            await self.look(hint.paths)

    async def look(self, hints: Hints) -> None:
        """Scan, on a thread as the daemon does where everything is looked at."""
        self.hints.append(hints)
        async with self.looking:
            if hints is None:
                found = await asyncio.to_thread(self.files.scan, hints, self.tree)
            else:
                found = self.files.scan(hints, self.tree)
        self.tree, self.held = found.tree, found.held
        self.moved.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self.moved.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.moved.wait(), 0.05)
                if self.held:
                    await self.look(frozenset(str(self.root / path) for path in self.held))

    def is_true(self) -> bool:
        """Whether the tree is what a new look at everything finds."""
        truth = Files(Layout(self.root), Settings()).scan(None, {})
        return not truth.held and self.tree == truth.tree

    async def settle(self) -> None:
        """Take in every event so far, by the barrier alone, and what was held."""
        await self.watcher.barrier()
        await self.until(lambda: not self.held)


@contextlib.asynccontextmanager
async def opened(
    root: Path, settings: WatchSettings = QUIET, open_source: Callable[[Path], Source] = usual_source
) -> AsyncIterator[Desk]:
    layout = Layout(root)
    files = Files(layout, Settings())
    async with FileWatcher(layout, settings, files.directories, open_source) as watcher:
        desk = Desk(root, files, watcher)
        consumer = asyncio.create_task(desk.consume())
        try:
            await desk.until(lambda: bool(desk.hints))
            yield desk
            assert not consumer.done() or consumer.result() is None
        finally:
            consumer.cancel()
            await asyncio.gather(consumer, return_exceptions=True)
