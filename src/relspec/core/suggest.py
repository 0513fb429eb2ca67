"""Which known name was probably meant. A guess for a hint; nothing is ever decided by it."""

import difflib
from collections.abc import Iterable


def closest(name: str, known: Iterable[str]) -> str | None:
    """Find the known name most like `name`, without regard to case; `None` where none is near."""
    spelled = {candidate.lower(): candidate for candidate in sorted(known, reverse=True)}
    found = difflib.get_close_matches(name.lower(), spelled, n=1, cutoff=0.6)
    return spelled[found[0]] if found else None
