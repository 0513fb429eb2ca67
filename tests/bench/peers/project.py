"""One project for one tool: its files, the edits that are made to them, and what its tables should hold."""

from collections.abc import Iterable
from pathlib import Path

from tests.bench.peers.checking import Expected, Rows, differing
from tests.bench.peers.rendering import Edited, Rendering
from tests.bench.peers.tools import Tool
from tests.bench.project import cone, dag, targets, write_data

#: An edit moves the values by so much that no rounding below it hides the move.
STEP = 10**9


class Project:
    """The files of a project. An edit changes the one file that it is about, and no edit takes back an earlier one."""

    def __init__(self, tool: Tool, n_tasks: int, root: Path) -> None:
        self._render, self._root = tool.render, root
        (root / "data").mkdir(parents=True)
        write_data(root, 0)
        self._state = Rendering(dag(n_tasks), root / "data" / "base.parquet", Edited({}, {}))
        self._expected = Expected(self._state)
        self._files: dict[str, str] = {}
        self._edits = 0
        self.names = tuple(node.name for node in self._state.nodes)
        self.targets = targets(self._state.nodes)
        self._write()

    def close(self) -> None:
        """Drop what should be expected."""
        self._expected.close()

    def cone(self, name: str) -> tuple[str, ...]:
        """A task and everything below it."""
        return cone(self._state.nodes, name)

    def move(self, name: str) -> None:
        """Edit a task so that its values are others than ever before."""
        before = self._expected.tables([name])
        self._edits += 1
        self._edit(self._state.edited.moved(name, self._edits * STEP))
        self._expected.follow(self._state, self.cone(name))
        assert differing(before, self._expected.tables([name])), f"the edit of {name} moves nothing"

    def remark(self, name: str) -> None:
        """Edit the comment of a task."""
        self._edits += 1
        self._edit(self._state.edited.remarked(name, f"remark {self._edits}"))

    def expected(self, names: Iterable[str]) -> dict[str, Rows]:
        """The rows that tables should hold as the files are now."""
        return self._expected.tables(names)

    def _edit(self, edited: Edited) -> None:
        self._state = Rendering(self._state.nodes, self._state.source, edited)
        self._write()

    def _write(self) -> None:
        files = self._render(self._state)
        for place, text in files.items():
            if self._files.get(place) != text:
                _save(self._root / place, text)
        self._files = files


def _save(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    aside.write_text(text)
    aside.rename(path)
