"""The scopes of a module as a tree of keys, beside the symbol tables that Python has of the same scopes.

A scope's key is its parent's key, "/", kind, ":", name, "#" and its ordinal among those of the same parent, kind and
name: it says where a scope stands in the structure, never at which line. `symtable` tells its own by address, so its
tables are found by name and line among the children of the parent's table; several on one line come in the order in
which the compiler enters them, which is that of our walk.

From Python 3.12 on, comprehensions other than generator expressions are compiled into the scope around them and have no
tables; those of the scopes within them are among the children of that scope's table. What else has no table has no
symbols: a lambda in an annotation under `from __future__ import annotations`.
"""

import symtable
import sys
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

#: Keys grow with the depth, and each scope names all that are around it; Python itself ends at 100 indentations.
DEEPEST = 100

COMPREHENSIONS = {"listcomp", "setcomp", "dictcomp", "genexpr"}
INLINED = COMPREHENSIONS - {"genexpr"} if sys.version_info >= (3, 12) else set()

#: How a name is used in a scope, as bits; `:=` binds a name again that is not the scope's own.
LOADED, STORED, REBOUND = 1, 2, 4


class TooDeepError(Exception):
    """More scopes stand in one another than anybody writes."""


@dataclass(frozen=True, slots=True)
class Private:
    """How names like `__x` are told from those of other classes."""

    owner: str
    #: Around a generic class, only the names of its type parameters are; elsewhere all.
    only: frozenset[str] | None = None

    def spelled(self, name: str) -> str:
        """Spell a name as the compiler does: `__x` in class `A` is `_A__x`."""
        if not name.startswith("__") or name.endswith("__") or (self.only is not None and name not in self.only):
            return name
        owner = self.owner.lstrip("_")
        return f"_{owner}{name}" if owner else name


@dataclass(eq=False, slots=True)
class Scope:
    """One scope: a module, a class, or a function in the wider sense, which lambdas and comprehensions are too."""

    key: str
    kind: str
    name: str
    lineno: int
    private: Private | None
    parent: "Scope | None"
    depth: int
    table: symtable.SymbolTable | None
    #: How it uses each name that it mentions.
    mentions: dict[str, int] = field(default_factory=dict)
    n_imports: int = 0
    _namesakes: Counter[str] = field(default_factory=Counter)
    _tables: dict[tuple[str, int], deque[symtable.SymbolTable]] | None = None

    def opened(self, kind: str, name: str, node: tuple[str, int], private: Private | None = None) -> "Scope":
        """Make a scope within this one; `node` is what its symbol table goes by: name and line."""
        if self.depth == DEEPEST:
            raise TooDeepError(f"more than {DEEPEST} scopes stand in one another")
        stem = f"{self.key}/{kind}:{name}"
        key = f"{stem}#{self._namesakes[stem]}"
        self._namesakes[stem] += 1
        return Scope(key, kind, name, node[1], private or self.private, self, self.depth + 1, self.table_of(*node))

    @property
    def is_comprehension(self) -> bool:
        """Whether it is a comprehension; a function that is named like one starts elsewhere."""
        return self.kind == "function" and self.name in COMPREHENSIONS

    @property
    def is_inlined(self) -> bool:
        """Whether it is a comprehension that was compiled into the scope around it."""
        return self.table is None and self.name in INLINED and self.parent is not None

    def mention(self, name: str, use: int) -> None:
        """Note that the scope uses a name in some way."""
        self.mentions[name] = self.mentions.get(name, 0) | use

    def ancestors(self) -> Iterator["Scope"]:
        """Yield the scopes around this one, the nearest first."""
        outer = self.parent
        while outer is not None:
            yield outer
            outer = outer.parent

    def mangled(self, name: str) -> str:
        """Spell a name that stands in this scope as `symtable` does."""
        return name if self.private is None else self.private.spelled(name)

    def table_of(self, name: str, lineno: int) -> symtable.SymbolTable | None:
        """Take the next table of that name and line among those of the scopes within."""
        if self.is_inlined and self.parent is not None:
            return self.parent.table_of(name, lineno)
        if self._tables is None:
            self._tables = {}
            for child in () if self.table is None else self.table.get_children():
                self._tables.setdefault((_goes_by(child), child.get_lineno()), deque()).append(child)
        found = self._tables.get((name, lineno))
        return found.popleft() if found else None


def _goes_by(table: symtable.SymbolTable) -> str:
    """Name a table; a comprehension's gets a dot, so that no function is taken for one that is called `listcomp`."""
    name = table.get_name()
    return f".{name}" if name in COMPREHENSIONS and ".0" in table.get_identifiers() else name


def module_scope(name: str, table: symtable.SymbolTable) -> Scope:
    """Make the scope that all others of a module stand in."""
    return Scope(f"/module:{name}#0", "module", name, 1, None, None, 0, table)
