"""Writing SQL text: the only place where names, strings and paths of others become part of a statement."""

import glob
from collections.abc import Collection, Iterable, Sequence

from relspec.core.schema import Column
from relspec.core.types import stored_type


def identifier(name: str) -> str:
    """Quote a name."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a string."""
    return "'" + text.replace("'", "''") + "'"


def file_literal(path: str) -> str:
    """Quote the path of one file: DuckDB expands `*`, `?` and `[` in names, and reads another file without a word."""
    return literal(glob.escape(path))


def read_parquet(paths: Sequence[str], file_column: str | None = None) -> str:
    """Write a table function over files; folder names like `day=1` add no columns.

    `file_column` is one more column, which says of each row which file it is from.
    """
    files = ", ".join(file_literal(path) for path in paths)
    more = "" if file_column is None else f", filename={literal(file_column)}"
    return f"read_parquet([{files}], hive_partitioning=false{more})"


def struct_literal(pairs: Iterable[tuple[str, str]]) -> str:
    """Write named strings, as `columns=` of the text readers wants them."""
    return "{" + ", ".join(f"{literal(name)}: {literal(value)}" for name, value in pairs) + "}"


def selection(columns: Iterable[Column], source: str, *more: str) -> str:
    """Select columns by name, each as its type; no columns give rows all the same. `more` are taken as they are.

    A type that cannot be stored came from a file that holds it natively, and its text may be none that a cast takes.
    """
    listed = ", ".join([*(_typed(column) for column in columns), *more])
    return f"SELECT {listed or 'NULL'} FROM {source}"


def padded(columns: Iterable[Column], required: Collection[str], source: str) -> str:
    """Select the required columns, known by lower-case name, as `selection` does, and NULL in place of the others."""
    listed = ", ".join(_typed(c) if c.name.lower() in required else _null(c) for c in columns)
    return f"SELECT {listed or 'NULL'} FROM {source}"


def empty_table(name: str, columns: Iterable[Column]) -> str:
    """Create `main.<name>` without rows; a table without columns gets one that nobody names."""
    listed = ", ".join(f"{identifier(c.name)} {c.type}" for c in columns)
    return f"CREATE TABLE main.{identifier(name)} ({listed or '__relspec_row BOOLEAN'})"


def empty_view(name: str, columns: Iterable[Column]) -> str:
    """Create the same as a view, which lacks what only a table has."""
    return f"CREATE VIEW main.{identifier(name)} AS {nothing_of(columns)}"


def nothing_of(columns: Iterable[Column]) -> str:
    """Write a query with these columns and no rows."""
    listed = ", ".join(_null(c) for c in columns)
    return f"SELECT {listed or 'NULL AS __relspec_row'} LIMIT 0"


def _null(column: Column) -> str:
    return f"CAST(NULL AS {column.type}) AS {identifier(column.name)}"


def _typed(column: Column) -> str:
    name = identifier(column.name)
    return name if stored_type(column.type) is None else f"CAST({name} AS {column.type}) AS {name}"
