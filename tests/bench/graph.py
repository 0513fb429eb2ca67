"""The code property graph of a tree of Python source, under measurement; `code_graph` knows its trees and edits."""

from collections import Counter
from functools import partial
from pathlib import Path

from tests.bench.code_graph import copied, edited
from tests.bench.edit import Edit, Work
from tests.bench.edited import edits
from tests.bench.project import save
from tests.cpg.replay import violations


class Graph:
    """What each edit must execute depends on the tree, so only the graph itself is checked; there is no floor."""

    tasks = None
    leaf = "cpg_integrity"

    def __init__(self, tree: str, place: Path) -> None:
        self.root = place / "project"
        self.leaf_path = self.root
        self._tree = tree
        self._rounds: Counter[str] = Counter()

    def write(self) -> None:
        """Copy the tree."""
        self.root.mkdir()
        copied(self._tree, self.root)
        self.leaf_path, at = edited(self.root)
        self._edits = edits(at)
        self._text = self.leaf_path.read_text()

    def built(self) -> None:
        """There is nothing to get ready."""

    def cold(self) -> Work | None:
        """There is no floor."""

    def edit(self, step: str) -> Edit:
        """Make the next edit of a kind ready; the one before is undone first."""
        self._rounds[step] += 1
        text = self._edits[step](self._text, self._rounds[step])
        back = partial(save, self.leaf_path, self._text)
        executed = frozenset[str]() if step == "touch" else None
        return Edit(partial(save, self.leaf_path, text), executed, frozenset(), None, quiet=True, before=back)

    def differs(self, _: frozenset[str]) -> str | None:
        """The graph is wrong where it says so itself."""
        return next((kind for kind, n in violations(self.root) if n), None)

    def close(self) -> None:
        """Nothing was opened."""
