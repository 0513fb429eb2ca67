"""What `symtable` says of the names in each scope.

From Python 3.12 on, list, set and dict comprehensions are compiled into the function around them, whose table then
also lists their names. They are left out here where the function itself never mentions them, so that every version
gives the same rows.
"""

import sys
from collections.abc import Iterator
from symtable import Symbol, SymbolTable

from scopes import Scope

INLINED = ("listcomp", "setcomp", "dictcomp") if sys.version_info >= (3, 12) else ()

Row = tuple[object, ...]


def symbols(scopes: list[Scope]) -> list[Row]:
    """Describe every name of every scope that has a symbol table."""
    return [row for scope in scopes if scope.table is not None for row in _of_one(scope, scope.table)]


def _of_one(scope: Scope, table: SymbolTable) -> Iterator[Row]:
    lent = _lent(table) if INLINED else frozenset()
    for symbol in table.get_symbols():
        name = symbol.get_name()
        if name in lent and name not in scope.mentioned and not _is_own(symbol):
            continue
        yield (
            scope.key,
            name,
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


def _lent(table: SymbolTable) -> frozenset[str]:
    """Names of the comprehensions that are compiled into this scope, and into those."""
    names: set[str] = set()
    waiting = [table]
    while waiting:
        inlined = [child for child in waiting.pop().get_children() if child.get_name() in INLINED]
        names.update(name for child in inlined for name in child.get_identifiers())
        waiting += inlined
    return frozenset(names)


def _is_own(symbol: Symbol) -> bool:
    """Tell whether a scope has a name for reasons that are no node of its own that mentions it."""
    return (
        symbol.is_parameter()
        or symbol.is_imported()
        or symbol.is_namespace()
        or symbol.is_declared_global()
        or symbol.is_nonlocal()
        or symbol.is_free()
    )
