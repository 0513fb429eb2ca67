"""Columns and schemas, with types as the engine's binder writes them.

Names keep the case in which they were written and compare without it, as DuckDB does.
"""

from collections.abc import Iterable, Mapping

import msgspec


class Column(msgspec.Struct, frozen=True):
    """A column by name, and its DuckDB type as text (`BIGINT`, `DECIMAL(38,2)`, `STRUCT(a INTEGER)`)."""

    name: str
    type: str


class Schema(msgspec.Struct, frozen=True):
    """The columns of a dataset in their order, and the key-value metadata that its files carry."""

    columns: tuple[Column, ...]
    metadata: tuple[tuple[str, str], ...] = ()

    def column(self, name: str) -> Column | None:
        """Find a column by name without regard to case; `None` where there is none."""
        wanted = name.lower()
        return next((c for c in self.columns if c.name.lower() == wanted), None)

    def restrict(self, names: Iterable[str]) -> tuple[Column, ...]:
        """Give the named columns in the order of the schema."""
        wanted = {name.lower() for name in names}
        return tuple(c for c in self.columns if c.name.lower() in wanted)

    def types(self) -> dict[str, str]:
        """Map each column name to its type, in order."""
        return {c.name: c.type for c in self.columns}


def difference(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Say in which columns and types what was found is not what is wanted; nothing where only their order differs."""
    faults = [f"column {c!r} is missing" for c in wanted if c not in found]
    faults += [f"column {c!r} is extra" for c in found if c not in wanted]
    faults += [f"column {c!r} is {found[c]}, not {wanted[c]}" for c in wanted if c in found and found[c] != wanted[c]]
    return "; ".join(faults)


def schema_of(types: Mapping[str, str]) -> Schema:
    """Make a schema from an ordered mapping of names to types."""
    return Schema(columns=tuple(Column(name, type_) for name, type_ in types.items()))
