"""The scopes of a module as a tree of keys, beside the symbol tables that Python has of the same scopes.

A scope's key is its parent's key, "/", kind, ":", name, "#" and its ordinal among those of the same parent, kind and
name: it says where a scope stands in the structure, never at which line. `symtable` tells its own by address, so its
tables are found by name and line among the children of the parent's table; several on one line come in the order in
which the compiler enters them, which is that of our walk.

What has no table of its own has no symbols: a lambda in an annotation under `from __future__ import annotations`.
"""

import symtable
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

#: Keys grow with the depth, and each scope names all that are around it; Python itself ends at 100 indentations.
DEEPEST = 100


class TooDeepError(Exception):
    """More scopes stand in one another than anybody writes."""


@dataclass(eq=False, slots=True)
class Scope:
    """One scope: a module, a class, or a function in the wider sense, which lambdas and comprehensions are too."""

    key: str
    kind: str
    name: str
    lineno: int
    #: The innermost class, by which names like `__x` are told from those of other classes.
    private: str | None
    parent: "Scope | None"
    depth: int
    table: symtable.SymbolTable | None
    #: What stands in it under some name; only kept where the symbols of comprehensions must be told from its own.
    mentioned: set[str] = field(default_factory=set)
    n_imports: int = 0
    _namesakes: Counter[str] = field(default_factory=Counter)
    _tables: dict[tuple[str, int], deque[symtable.SymbolTable]] | None = None

    def opened(self, kind: str, name: str, node: tuple[str, int], private: str | None = None) -> "Scope":
        """Make a scope within this one; `node` is the name and the line that its symbol table goes by."""
        if self.depth == DEEPEST:
            raise TooDeepError(f"more than {DEEPEST} scopes stand in one another")
        stem = f"{self.key}/{kind}:{name}"
        key = f"{stem}#{self._namesakes[stem]}"
        self._namesakes[stem] += 1
        return Scope(key, kind, name, node[1], private or self.private, self, self.depth + 1, self._table_of(*node))

    def ancestors(self) -> Iterator["Scope"]:
        """Yield the scopes around this one, the nearest first."""
        outer = self.parent
        while outer is not None:
            yield outer
            outer = outer.parent

    def mangled(self, name: str) -> str:
        """Spell a name as the compiler does: `__x` in class `A` is `_A__x`."""
        if self.private is None or not name.startswith("__") or name.endswith("__"):
            return name
        owner = self.private.lstrip("_")
        return f"_{owner}{name}" if owner else name

    def _table_of(self, name: str, lineno: int) -> symtable.SymbolTable | None:
        if self._tables is None:
            self._tables = {}
            for child in () if self.table is None else self.table.get_children():
                self._tables.setdefault((child.get_name(), child.get_lineno()), deque()).append(child)
        found = self._tables.get((name, lineno))
        return found.popleft() if found else None


def module_scope(name: str, table: symtable.SymbolTable) -> Scope:
    """Make the scope that all others of a module stand in."""
    return Scope(f"/module:{name}#0", "module", name, 1, None, None, 0, table)
