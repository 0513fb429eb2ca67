"""Plain text: escaping, widths in terminal cells, and aligned columns.

`escape` is the one gate between foreign text and a terminal. What it lets through is printable on one line: no control
or format characters (which also reorder text), no line separators, no lone surrogates.
"""

import unicodedata
from collections.abc import Iterable, Sequence

GAP = "  "
_UNITS = ("kB", "MB", "GB", "TB")


def escape(text: str) -> str:
    """Show what is not printable as Python would write it (`\\n`, `\\x1b`, `\\u202e`); never more than one line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def escaped_lines(text: str) -> list[str]:
    """Split text of ours or of an engine at its line ends, and escape each line; tabs become spaces."""
    return [escape(line.expandtabs(4)) for line in text.split("\n")]


def cells(text: str) -> int:
    """Count the terminal cells of escaped text: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(character) for character in text)


def _cells_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clip(text: str, width: int) -> str:
    """Shorten escaped text to `width` cells, with an ellipsis where something is missing."""
    if cells(text) <= width:
        return text
    kept, used = [], 1
    for character in text:
        used += _cells_of(character)
        if used > width:
            break
        kept.append(character)
    return "".join(kept) + "…"


def pad(text: str, width: int, right: bool = False) -> str:
    """Fill escaped text up to `width` cells, on its left where it is to stand at the right."""
    blank = " " * (width - cells(text))
    return blank + text if right else text + blank


def widths_of(rows: Iterable[Sequence[str]]) -> list[int]:
    """Find the widest cell of each column."""
    return [max(cells(cell) for cell in column) for column in zip(*rows, strict=True)]


def duration(ms: float) -> str:
    """Say how long something took, in the unit that a person would use."""
    return f"{ms:.0f} ms" if ms < 10_000 else f"{ms / 1000:.1f} s"


def counted(n: int, noun: str) -> str:
    """Say how many there are: `1 task`, `2 tasks`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def size(n_bytes: int) -> str:
    """Say how much that is, in the unit that a person would use."""
    if n_bytes < 1000:
        return f"{n_bytes} B"
    power = min((len(str(n_bytes)) - 1) // 3, len(_UNITS))
    return f"{n_bytes / 1000**power:.1f} {_UNITS[power - 1]}"
