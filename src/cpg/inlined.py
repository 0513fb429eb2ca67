"""Works out the symbols of comprehensions that were compiled into the scope around them, and what they left there.

A comprehension binds its targets. A name that `:=` binds belongs to the next scope around that is no comprehension.
Any other name is free where a function around has it, and global elsewhere, as for the compiler: classes are passed
over. On Python 3.11, where nothing is inlined, this says nothing.
"""

from collections import defaultdict
from collections.abc import Mapping
from symtable import Symbol
from typing import NamedTuple

from scopes import LOADED, REBOUND, STORED, Scope


class Flags(NamedTuple):
    """What a symbol is, in the order of the columns."""

    is_local: bool = False
    is_global: bool = False
    is_declared_global: bool = False
    is_nonlocal: bool = False
    is_free: bool = False
    is_parameter: bool = False
    is_imported: bool = False
    is_assigned: bool = False
    is_referenced: bool = False
    is_annotated: bool = False
    is_namespace: bool = False

    @property
    def is_own(self) -> bool:
        """Whether a scope has the name for reasons that no `ast.Name` shows."""
        declared = self.is_declared_global or self.is_nonlocal
        return declared or self.is_parameter or self.is_imported or self.is_namespace


def flags_of(symbol: Symbol) -> Flags:
    """Ask a symbol everything."""
    return Flags(
        symbol.is_local(),
        symbol.is_global(),
        symbol.is_declared_global(),
        symbol.is_nonlocal(),
        symbol.is_free(),
        symbol.is_parameter(),
        symbol.is_imported(),
        symbol.is_assigned(),
        symbol.is_referenced(),
        symbol.is_annotated(),
        symbol.is_namespace(),
    )


class Lendings(NamedTuple):
    """Names that scopes list for the sake of others."""

    #: By scope, names of comprehensions that were compiled into it.
    lent: Mapping[Scope, set[str]]
    #: By comprehension, names that scopes within it take from further out.
    passed: Mapping[Scope, set[str]]

    @classmethod
    def of(cls, scopes: list[Scope]) -> "Lendings":
        """Collect them from the innermost scopes outwards."""
        lent: dict[Scope, set[str]] = defaultdict(set)
        passed: dict[Scope, set[str]] = defaultdict(set)
        for scope in reversed(scopes):
            outer = scope.parent
            if outer is None:
                continue
            if scope.is_inlined:
                lent[outer] |= lent[scope] | set(scope.mentions)
            if outer.is_inlined:
                passed[outer] |= _wanted(scope, passed[scope])
        return cls(lent, passed)


def worked_out(scope: Scope, known: Mapping[Scope, Mapping[str, Flags]], passed: set[str]) -> dict[str, Flags]:
    """Say what the names in an inlined comprehension are, given the scopes around it."""
    found = {".0": Flags(is_local=True, is_parameter=True)}
    for name, uses in scope.mentions.items():
        said = {"is_referenced": bool(uses & LOADED), "is_assigned": bool(uses & (STORED | REBOUND))}
        if uses & REBOUND:
            found[name] = _rebound(scope, name, known)._replace(**said)
        elif uses & STORED:
            found[name] = Flags(is_local=True)._replace(**said)
        else:
            found[name] = _from_outside(scope, name, known)._replace(**said)
    for name in sorted(passed - found.keys()):
        flags = _from_outside(scope, name, known)
        if flags.is_free:
            found[name] = flags
    return found


def _wanted(scope: Scope, passed: set[str]) -> set[str]:
    """Names that a scope does not bind and needs, of which some may be global."""
    if scope.is_inlined:
        return {
            name for name in passed | set(scope.mentions) if scope.mentions.get(name, 0) & (STORED | REBOUND) != STORED
        }
    if scope.table is None:
        return set()
    return {symbol.get_name() for symbol in scope.table.get_symbols() if symbol.is_free()}


def _from_outside(scope: Scope, name: str, known: Mapping[Scope, Mapping[str, Flags]]) -> Flags:
    for outer in scope.ancestors():
        flags = known[outer].get(name)
        if outer.kind != "function" or flags is None:
            continue
        if flags.is_local or flags.is_free:
            return Flags(is_free=True)
        break
    return Flags(is_global=True)


def _rebound(scope: Scope, name: str, known: Mapping[Scope, Mapping[str, Flags]]) -> Flags:
    outer = next(outer for outer in scope.ancestors() if not outer.is_comprehension)
    flags = known[outer].get(name)
    if outer.kind == "module" or (flags is not None and flags.is_global):
        return Flags(is_global=True, is_declared_global=True)
    return Flags(is_free=True, is_nonlocal=True)
