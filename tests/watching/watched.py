"""A desk in a process of its own, so that it can be stopped, starved of watches, and timed while others write.

    python -m tests.watching.watched ROOT

One line in asks, one line of JSON out answers: `see` says what the desk believes to be there.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.watching.desk import Desk, opened

from relspec.core.digest import digest_of
from relspec.core.layout import Layout
from relspec.core.settings import Settings
from relspec.core.tree import Tree
from relspec.edges.files import Files

#: So often a held file is looked at again, as the daemon does.
AGAIN_S = 0.02
TESTS = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a desk believes: its tree, what it has shown of each data file so far, and the longest stop of its loop.

    `moved_at` is when its tree last moved, on the system's monotonic clock.
    """

    tree: str
    n_files: int
    held: bool
    polling: str | None
    sizes: dict[str, list[int]]
    lag_ms: float
    moved_at: float


def summary(tree: Tree) -> str:
    """One digest of a whole tree: every path with its content, or its stamp where it has none."""
    parts = (part for path, entry in sorted(tree.items()) for part in (path, entry.content or repr(entry.stamp)))
    return digest_of(*parts)


def truth(root: Path) -> tuple[str, int, bool]:
    """What a new look at everything finds: digest, number of files, and whether something does not hold still."""
    found = Files(Layout(root), Settings()).scan(None, {})
    return summary(found.tree), len(found.tree), bool(found.held)


class Watched:
    """A project that a desk in another process watches. `wrapper` are words before its command."""

    def __init__(self, root: Path, wrapper: Sequence[str] = ()) -> None:
        self.root = root
        self._command = [*wrapper, sys.executable, "-m", "tests.watching.watched", str(root)]

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, cwd=TESTS, stdin=pipe, stdout=pipe, text=True)
        self.see()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    @property
    def pid(self) -> int:
        """The process of the desk."""
        return self._process.pid

    def see(self) -> Seen:
        """Ask what is believed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("see\n")
        self._process.stdin.flush()
        return Seen(**json.loads(self._process.stdout.readline()))

    def caught_up(self, within_s: float) -> Seen | None:
        """Wait until the desk knows all that is there, which holds still; `None` when it did not come to know."""
        deadline = time.monotonic() + within_s
        wanted, _, moves = truth(self.root)
        while time.monotonic() < deadline:
            seen = self.see()
            if seen.tree == wanted and not moves:
                return seen
            time.sleep(0.02)
            if moves:
                wanted, _, moves = truth(self.root)
        return None


class _Reporter:
    """Answers for a desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.lag_s = 0.0
        self.moved_at = time.monotonic()
        self.sizes: dict[str, list[int]] = {}

    async def feel(self) -> None:
        """Note the longest time that the loop stood still."""
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.005)
            self.lag_s = max(self.lag_s, loop.time() - before - 0.005)

    async def note(self) -> None:
        """Look again at what is held, and note each size that is shown of a file of data."""
        known_tree: Tree = {}
        while True:
            if self.desk.tree is not known_tree:
                known_tree, before = self.desk.tree, known_tree
                self.moved_at = time.monotonic() if known_tree != before else self.moved_at
            for path, entry in self.desk.tree.items():
                if path.startswith("data/") and entry.stamp.size not in (known := self.sizes.setdefault(path, [])):
                    known.append(entry.stamp.size)
            await asyncio.sleep(AGAIN_S)
            if self.desk.held:
                await self.desk.look(frozenset(str(self.desk.root / path) for path in self.desk.held))

    async def answer(self) -> str:
        """One line."""
        desk = self.desk
        seen = Seen(
            tree=await asyncio.to_thread(summary, desk.tree),
            n_files=len(desk.tree),
            held=bool(desk.held),
            polling=desk.watcher.polling,
            sizes=self.sizes,
            lag_ms=self.lag_s * 1000,
            moved_at=self.moved_at,
        )
        return json.dumps({name: getattr(seen, name) for name in Seen.__slots__})


async def _main(root: Path) -> None:
    async with opened(root) as desk:
        reporter = _Reporter(desk)
        work = [asyncio.create_task(part) for part in (reporter.feel(), reporter.note())]
        while await asyncio.to_thread(sys.stdin.readline):
            sys.stdout.write(await reporter.answer() + "\n")
            sys.stdout.flush()
        for task in work:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
