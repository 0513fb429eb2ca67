"""What a document is shown on: how wide it is, whether it takes colours, and where lines of source come from."""

from collections.abc import Callable
from dataclasses import dataclass

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}

#: Gives one 1-based line of a project file, or `None` where it cannot be had.
SourceLine = Callable[[str, int], str | None]


@dataclass(frozen=True, slots=True)
class Page:
    """The place where text ends up."""

    width: int
    colour: bool
    source: SourceLine

    def paint(self, text: str, style: str) -> str:
        """Colour `text`, which holds no control characters of its own any more."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.colour and text else text
