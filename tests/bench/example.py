"""The project that `init` writes, under measurement: a dozen tasks in SQL and Ibis over 27,004 flights."""

import itertools
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.bench.edit import Edit, Work
from tests.bench.project import save

from relspec.edges.scaffold import create

_NOTHING: frozenset[str] = frozenset()
_LATE = frozenset({"delay_by_plane_age", "delay_by_weather", "punctuality_by_hour"})
#: All but the view.
_STORED = _LATE | {
    *("carrier_days", "carrier_podium", "carrier_ranking", "flights_in_detail", "month_in_numbers"),
    *("registrations", "time_made_up", "worst_routes"),
}


class Example:
    """It has no floor: one of its tasks calls a Python function."""

    leaf = "worst_routes"

    def __init__(self, place: Path) -> None:
        self.tasks = _STORED
        self.root = place / "project"
        self.leaf_path = self.root / "tasks" / "worst_routes.sql"
        # From above every number that stands in the files: none comes back by accident.
        self._fresh = itertools.count(100)

    def write(self) -> None:
        """Lay the project out."""
        self.root.mkdir()
        create(self.root)

    def built(self) -> None:
        """There is nothing to get ready."""

    def cold(self) -> Work | None:
        """There is no floor."""

    def edit(self, step: str) -> Edit:
        """Make the next edit of a kind ready."""
        kinds: dict[str, Callable[[int], Edit]] = {
            "touch": lambda _: _edit(partial(os.utime, self.leaf_path), quiet=True),
            "comment": lambda n: _edit(partial(save, self.leaf_path, f"-- {n}\n{self.leaf_path.read_text()}")),
            "leaf": lambda n: _edit(self._replaced("tasks/worst_routes.sql", "limit ", n), frozenset({self.leaf})),
            "helper": lambda n: _edit(self._replaced("tasks/terms.py", "LATE_MINUTES = ", n), _LATE),
            "data file": lambda n: _edit(self._replaced("data/planes.csv", ",Turbo-fan", n)),
            "undo": self._undone,
        }
        return kinds[step](next(self._fresh))

    def differs(self, _: frozenset[str]) -> str | None:
        """Nobody else has its tables."""

    def close(self) -> None:
        """Nothing was opened."""

    def _undone(self, number: int) -> Edit:
        back = partial(save, self.leaf_path, self.leaf_path.read_text())
        there = self._replaced("tasks/worst_routes.sql", "limit ", number)
        return Edit(back, _NOTHING, frozenset({self.leaf}), None, quiet=False, before=there)

    def _replaced(self, path: str, mark: str, number: int) -> Work:
        """Put a number after a mark, in place of the digits there."""
        head, *rest = (self.root / path).read_text().split(mark)
        return partial(save, self.root / path, head + "".join(f"{mark}{number}{r.lstrip('0123456789')}" for r in rest))


def _edit(apply: Work, executed: frozenset[str] = _NOTHING, *, quiet: bool = False) -> Edit:
    return Edit(apply, executed, _NOTHING, None, quiet=quiet, before=None)
