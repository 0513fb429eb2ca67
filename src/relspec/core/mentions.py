"""Who mentions what: names by the keys that they mention. A key that nobody mentions any more takes no room."""

from collections.abc import Iterable


class Mentions:
    """A relation between keys and the names that mention them, looked up by key."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}

    def of(self, key: str) -> frozenset[str]:
        """The names that mention a key."""
        return frozenset(self._names.get(key, ()))

    def add(self, name: str, keys: Iterable[str]) -> None:
        """Let a name mention keys."""
        for key in keys:
            self._names.setdefault(key, set()).add(name)

    def drop(self, name: str, keys: Iterable[str]) -> None:
        """Let a name mention keys no more."""
        for key in keys:
            names = self._names.get(key, set())
            names.discard(name)
            if not names:
                self._names.pop(key, None)
