"""What a trace is told: spans of time by the name of the stage that they belong to. Nobody reads a clock here."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Trace(Protocol):
    """Where time goes, span by span. A span is told when it ends; one that ends by an error is told all the same."""

    def span(self, stage: str, about: str = "") -> AbstractContextManager[None]:
        """Time a step of the daemon's own; what is opened inside of it lies inside of it."""
        ...

    def beside(self, stage: str, about: str = "") -> AbstractContextManager[None]:
        """Time what goes on beside other things, such as a question to an engine."""
        ...

    def waited(self, stage: str, since_s: float) -> None:
        """Tell of a wait that began at a moment of the monotonic clock and ends now."""
        ...


class NoTrace:
    """Nobody wants to know."""

    def span(self, stage: str, about: str = "") -> AbstractContextManager[None]:  # noqa: ARG002
        """Do nothing."""
        return nullcontext()

    beside = span

    def waited(self, stage: str, since_s: float) -> None:
        """Do nothing."""
