"""Datasets as the engine reads them: parts in Parquet, each known by its content.

A source has one part per file, an output has exactly one. CSV, JSON lines and Arrow IPC are converted to Parquet once,
when their bytes are taken in; a Parquet source is read where it lies, and its stamp is compared before and after.
"""

from enum import StrEnum

import msgspec

from relspec.core.schema import Column, Schema


class Format(StrEnum):
    """The format of a data file."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"
    ARROW = "arrow"


SUFFIXES = {
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".arrow": Format.ARROW,
    ".feather": Format.ARROW,
    ".ipc": Format.ARROW,
}


class Stamp(msgspec.Struct, frozen=True):
    """What `stat` says of a file. Stamps are compared for equality, never for order."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class Reader(msgspec.Struct, frozen=True):
    """How a text file is read, fixed when the source was first seen: dialect and columns, for CSV and JSON lines.

    For CSV `delimiter`, `quote`, `escape` are single characters ("" is "none"), and `header` says whether there is one.
    """

    format: Format
    columns: tuple[Column, ...]
    delimiter: str
    quote: str
    escape: str
    header: bool


class Part(msgspec.Struct, frozen=True):
    """One immutable piece of a dataset: Parquet at the absolute `path`, named by `content`.

    `stamp` is set where `path` is the user's own file, which may move under a reader.
    """

    content: str
    path: str
    rows: int
    stamp: Stamp | None


class Dataset(msgspec.Struct, frozen=True):
    """One version of a table: its schema and its parts in a fixed order."""

    name: str
    schema: Schema
    parts: tuple[Part, ...]
