"""A DAG on disk that is edited step by step: what each task says now, and what must execute after the next edit."""

import itertools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench.edit import Edit, Work
from tests.bench.floor import Floor
from tests.bench.forms import Form, Said
from tests.bench.project import Node, cone, extras, query, save, targets, write_rows

_NOTHING: frozenset[str] = frozenset()
#: So many tables are compared with the floor's after a step.
_COMPARED_MAX = 4
_BRANCH_TASKS_MAX = 100


@dataclass(frozen=True, slots=True)
class Drawn:
    """A DAG as data: its tasks, how they are written, the rows of the source and its files, threads of the floor."""

    nodes: tuple[Node, ...]
    form: Form
    n_rows: int
    n_files: int
    floor_threads: int


class Scene:
    """One project. Each change of a task gives it a constant that it never had."""

    def __init__(self, place: Path, drawn: Drawn) -> None:
        self.root = place / "project"
        self.tasks = frozenset(node.name for node in drawn.nodes)
        self._drawn = drawn
        self._files = drawn.form.files(drawn.nodes)
        self._file_of = {node.name: path for path, nodes in self._files.items() for node in nodes}
        self._nodes = {node.name: node for node in drawn.nodes}
        self._said: dict[str, Said] = dict.fromkeys(self._nodes, (0, 0))
        self._fresh = itertools.count(1)
        self._named = targets(drawn.nodes)
        self._floor_root = place / "floor"
        self._floor: Floor | None = None
        self.leaf = self._named["leaf"]
        self.leaf_path = self.root / self._file_of[self.leaf]

    def write(self) -> None:
        """Lay the project out."""
        for folder in (self.root / "tasks", self.root / ".git", self._source(0).parent):
            folder.mkdir(parents=True)
        if self._drawn.n_files > 1:
            (self.root / "watch.toml").write_text('[sources]\nbase = "data/base/*.parquet"\n')
        for number in range(self._drawn.n_files):
            self._write_source(number, 0).rename(self._source(number))
        self._save(self._files)

    def built(self) -> None:
        """Build the floor."""
        pattern = self._source(0) if self._drawn.n_files == 1 else self._source(0).with_name("*.parquet")
        self._floor = Floor(self._floor_root, str(pattern), self._statements(self._nodes), self._drawn.floor_threads)

    def cold(self) -> Work | None:
        """Execute all statements."""
        return self._executing(self._nodes)

    def edit(self, step: str) -> Edit:
        """Make the next edit of a kind ready."""
        return self._kinds()[step]()

    def differs(self, executed: frozenset[str]) -> str | None:
        """Compare some tables with those of the floor."""
        assert self._floor is not None
        some = sorted(executed)[:: max(1, len(executed) // _COMPARED_MAX)]
        return next((name for name in some if not self._floor.same(name, self.root)), None)

    def close(self) -> None:
        """Close the floor."""
        if self._floor is not None:
            self._floor.close()

    def _kinds(self) -> dict[str, Callable[[], Edit]]:
        kinds: dict[str, Callable[[], Edit]] = {
            "touch": self._touched,
            "comment": self._commented,
            "cut off": self._same_rows,
            "data file": self._data,
            "part added": self._part_added,
            "undo": lambda: self._back(self._named["cone 10"]),
            "branch switch": lambda: self._moved(*self._branch()),
            "branch back": lambda: self._back(*self._branch()),
        }
        return {**kinds, **{step: partial(self._moved, name) for step, name in self._named.items()}}

    def _touched(self) -> Edit:
        return Edit(partial(os.utime, self.leaf_path), _NOTHING, _NOTHING, None, quiet=True, before=None)

    def _commented(self) -> Edit:
        text = f"{self._drawn.form.comment} {next(self._fresh)}\n{self._text(self._file_of[self.leaf])}"
        return Edit(partial(save, self.leaf_path, text), _NOTHING, _NOTHING, None, quiet=False, before=None)

    def _moved(self, *names: str) -> Edit:
        self._say(names)
        below = cone(self._drawn.nodes, *names)
        apply = self._saving(names)
        return Edit(apply, frozenset(below), _NOTHING, self._executing(below), quiet=len(names) > 1, before=None)

    def _same_rows(self) -> Edit:
        root = self._named["root"]
        self._said[root] = (self._said[root][0], next(self._fresh))
        return Edit(
            self._saving([root]), frozenset([root]), _NOTHING, self._executing([root]), quiet=False, before=None
        )

    def _back(self, *names: str) -> Edit:
        said = {name: self._said[name] for name in names}
        back = self._saving(names)
        self._say(names)
        there = self._saving(names)
        self._said.update(said)
        restored = frozenset(cone(self._drawn.nodes, *names))
        return Edit(back, _NOTHING, restored, None, quiet=len(names) > 1, before=there)

    def _data(self) -> Edit:
        number = next(self._fresh)
        place = number % self._drawn.n_files
        aside = self._write_source(place, number)
        assert self._floor is not None
        read = partial(self._floor.read, ("k", "x", "s", *extras(self._drawn.nodes[0])))
        return Edit(partial(aside.rename, self._source(place)), _NOTHING, _NOTHING, read, quiet=False, before=None)

    def _part_added(self) -> Edit:
        """Add rows that no task keeps: those that read the source execute, and nothing below them."""
        number = self._drawn.n_files + next(self._fresh)
        aside, target = self._write_source(number, 0), self._source(number)
        tops = [node.name for node in self._drawn.nodes if not node.upstream]
        return Edit(
            partial(aside.rename, target), frozenset(tops), _NOTHING, self._executing(tops), quiet=False, before=None
        )

    def _branch(self) -> tuple[str, ...]:
        nodes = self._drawn.nodes
        return tuple(node.name for node in nodes[:: max(10, len(nodes) // _BRANCH_TASKS_MAX)])

    def _say(self, names: Iterable[str]) -> None:
        fresh = next(self._fresh)
        self._said.update({name: (fresh, self._said[name][1]) for name in names})

    def _saving(self, names: Iterable[str]) -> Work:
        paths = dict.fromkeys(self._file_of[name] for name in names)
        texts = {path: self._text(path) for path in paths}
        return partial(_save_all, self.root, texts)

    def _save(self, paths: Iterable[str]) -> None:
        for path in paths:
            (self.root / path).write_text(self._text(path))

    def _text(self, path: str) -> str:
        return self._drawn.form.text(self._files[path], self._said)

    def _executing(self, names: Iterable[str]) -> Work:
        assert self._floor is not None
        return partial(self._floor.execute, self._statements(names))

    def _statements(self, names: Iterable[str]) -> dict[str, str]:
        return {name: query(self._nodes[name], *self._said[name]) for name in names}

    def _source(self, number: int) -> Path:
        name = "base.parquet" if self._drawn.n_files == 1 else f"base/part-{number:05d}.parquet"
        return self.root / "data" / name

    def _write_source(self, number: int, constant: int) -> Path:
        target = self._source(number)
        aside = target.with_name(f".{target.name}")
        n_rows = self._drawn.n_rows // self._drawn.n_files
        keys = range(number * n_rows, (number + 1) * n_rows)
        write_rows(aside, keys, constant, self._drawn.nodes[0].n_extra)
        return aside


def _save_all(root: Path, texts: dict[str, str]) -> None:
    """Save files; many as git does, behind its lock."""
    lock = root / ".git" / "index.lock"
    if len(texts) > 1:
        lock.touch()
    for path, text in texts.items():
        save(root / path, text)
    lock.unlink(missing_ok=True)
