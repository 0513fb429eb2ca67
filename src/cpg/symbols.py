"""What is known of the names in each scope: what `symtable` says, alike in every version of Python.

From Python 3.12 on, list, set and dict comprehensions are compiled into the scope around them. They have no tables of
their own any more, and that scope's table lists their names among its own. Here they stay scopes: `inlined.py` works
out their symbols, and the scope around keeps only what is its own.
"""

from collections.abc import Iterator

from inlined import Flags, Lendings, flags_of, worked_out
from scopes import Scope

Row = tuple[object, ...]


def symbols(scopes: list[Scope]) -> list[Row]:
    """Describe every name of every scope; `scopes` has each after the one around it."""
    lendings = Lendings.of(scopes)
    known: dict[Scope, dict[str, Flags]] = {}
    for scope in scopes:
        if scope.is_inlined:
            known[scope] = worked_out(scope, known, lendings.passed.get(scope, set()))
        else:
            known[scope] = dict(_own(scope, lendings.lent.get(scope, set())))
    return [(scope.key, name, *flags) for scope, found in known.items() for name, flags in found.items()]


def _own(scope: Scope, lent: set[str]) -> Iterator[tuple[str, Flags]]:
    for symbol in () if scope.table is None else scope.table.get_symbols():
        name = symbol.get_name()
        flags = flags_of(symbol)
        if name in lent and name not in scope.mentions:
            if flags.is_free and not flags.is_own:
                flags = Flags(is_free=True)  # It only passes through, on its way in.
            elif not flags.is_own:
                continue
        yield name, flags
