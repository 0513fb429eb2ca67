"""A data file as a relation: what the readers of the single formats hand to intake."""

from collections.abc import Callable, Iterable

import duckdb
import msgspec

from relspec.core.dataset import Reader
from relspec.core.schema import Column
from relspec.edges.engine.refusal import RefusedError

#: Metadata that writers leave for their own use, in machine formats.
_MACHINE_KEYS = frozenset({"ARROW:schema", "pandas", "huggingface", "parquet.avro.schema", "avro.schema", "polars"})
_MACHINE_PREFIXES = ("org.apache.", "writer.", "iceberg.", "PARQUET:", "delta.")


class Tabular(msgspec.Struct, frozen=True):
    """A relation over one file: its source in SQL, its columns, and how an error on the way becomes a refusal.

    Nothing has been read to the end when this is made. `reader` is `None` where the format carries its own types.
    """

    source: str
    columns: tuple[Column, ...]
    metadata: tuple[tuple[str, str], ...]
    reader: Reader | None
    refuse: Callable[[duckdb.Error], RefusedError]


def kept_metadata(pairs: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Decode key-value metadata, sorted, without what writers note for themselves."""
    decoded = {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in pairs}
    return tuple(
        (key, decoded[key])
        for key in sorted(decoded)
        if key not in _MACHINE_KEYS and not key.startswith(_MACHINE_PREFIXES)
    )
