"""One edit of a project under measurement, with what has to come of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Edit:
    """What is done to the files, what the floor does for it, and which tasks must execute and be restored.

    Where `executed` is `None` nobody knows beforehand. `before` is done and built first,
    unmeasured. A `quiet` edit is one after which the daemon is asked whether it is
    ready: it says nothing by itself, or may say so more than once.
    """

    apply: Work
    executed: frozenset[str] | None
    restored: frozenset[str]
    floor: Work | None
    quiet: bool
    before: Work | None


class Subject(Protocol):
    """A project under measurement."""

    @property
    def root(self) -> Path:
        """The project's folder."""

    @property
    def tasks(self) -> frozenset[str] | None:
        """What a cold build executes; `None` where nobody knows beforehand."""

    @property
    def leaf(self) -> str:
        """A task that nobody reads."""

    @property
    def leaf_path(self) -> Path:
        """Its file."""

    def write(self) -> None:
        """Lay the project out."""

    def built(self) -> None:
        """Get ready for edits, once the project was built for the first time."""

    def cold(self) -> Work | None:
        """What the floor does for a cold build."""

    def edit(self, step: str) -> Edit:
        """Make the next edit of a kind ready. Raises KeyError for a kind that the project does not have."""

    def differs(self, executed: frozenset[str]) -> str | None:
        """The name of a table that is not as it has to be, among some of those that executed."""

    def close(self) -> None:
        """Let go of what was opened."""
