"""Requests to the processes that do the work, and their answers, as values.

They cross process borders as JSON, so everything in here is plain data. An answer is a value of ours or a `Problem`;
what is wrong with the machine arrives as an exception of `errors.py`.
"""

import msgspec

from relspec.core.dataset import Dataset, Format, Part, Reader
from relspec.core.digest import BagDigest, digest_of
from relspec.core.finding import Repeatability
from relspec.core.plan import Aspect, FileUse, LineageRow, Requirement, Udf
from relspec.core.problem import Problem
from relspec.core.schema import Column, Schema
from relspec.core.spec import TaskSpec


class Intaken(msgspec.Struct, frozen=True):
    """What one file holds. `content` is the hash of the file's bytes, `part` is what tasks read.

    `columns` are hashes by lower-case name, where the bytes of the part tell its columns apart: while one stays, so do
    the column's values, row by row.
    """

    content: str
    part: Part
    schema: Schema
    reader: Reader | None
    columns: tuple[tuple[str, str], ...] = ()


class Intake(msgspec.Struct, frozen=True):
    """Take in one file of a source: hash its bytes, find its schema, convert it to Parquet unless it is Parquet.

    `path` is absolute, `shown` is how the user knows it. `reader` is the fixed dialect and columns of a text source,
    `None` at first sight; `types` are the user's own (column, type) pairs. Converted parts go to `objects`
    by way of `temporary`. `known` is what the file was when it was last read in this very way, `None` where there is no
    such answer: it stands while the bytes are the same.
    """

    source: str
    path: str
    shown: str
    format: Format
    reader: Reader | None
    types: tuple[tuple[str, str], ...]
    known: Intaken | None
    objects: str
    temporary: str


class Named(msgspec.Struct, frozen=True):
    """A name in a query text with its 1-based place."""

    name: str
    line: int
    column: int


class Needs(msgspec.Struct, frozen=True):
    """The work needs the schemas of these datasets; ask again with them, or say that they are unknown."""

    datasets: tuple[Named, ...]


class ViewQuery(msgspec.Struct, frozen=True):
    """The executable query of a view, to be inlined: it reads `main.<dataset>` tables only."""

    dataset: str
    sql: str
    schema: Schema


class Analyse(msgspec.Struct, frozen=True):
    """Compile one query text: resolve, qualify, infer what it requires, canonicalise, bind. Executes nothing.

    `path` and `line` are the place of the definition; in a SQL file (`generated` false) positions within `text` are
    positions in the file. `schemas` are the stored datasets known so far, `views` the views. What `behind` names is
    there for the views alone: a text that mentions one of these has to ask for it. `cast` is the schema that the
    builder promises (Ibis), `None` in SQL. `stored` is false for views.
    """

    task: str
    path: str
    line: int
    text: str
    generated: bool
    schemas: tuple[tuple[str, Schema], ...]
    views: tuple[ViewQuery, ...]
    cast: Schema | None
    udfs: tuple[Udf, ...]
    stored: bool
    behind: frozenset[str] = frozenset()


class Analysed(msgspec.Struct, frozen=True):
    """A compiled query: the analysis part of a PlanArtifact. `schema` is that of the output as it will be stored."""

    sql: str
    canonical: str
    aspects: tuple[Aspect, ...]
    schema: Schema
    inputs: tuple[Requirement, ...]
    views: tuple[Requirement, ...]
    lineage: tuple[LineageRow, ...]
    coarse: str | None
    repeatability: Repeatability


class Measure(msgspec.Struct, frozen=True):
    """Digest each of some different parts of one dataset over several column sets, in one scan."""

    parts: tuple[Part, ...]
    column_sets: tuple[tuple[Column, ...], ...]


class Measured(msgspec.Struct, frozen=True):
    """For each part one bag for each column set asked for, both in that order."""

    bags: tuple[tuple[BagDigest, ...], ...]


class Execute(msgspec.Struct, frozen=True):
    """Run one query over datasets of one snapshot and write its object.

    `path` and `line` place a problem. `schema` is the stored output schema; the engine casts to it and checks it.
    `column_sets` are what consumers require of the output: their bags come back with the answer. `udfs` name
    functions that the executing process has to know. `key` is that of the execution: what the query draws by chance is
    drawn from it.
    """

    task: str
    path: str
    line: int
    sql: str
    inputs: tuple[Dataset, ...]
    schema: Schema
    column_sets: tuple[tuple[Column, ...], ...]
    udfs: tuple[Udf, ...]
    objects: str
    temporary: str
    key: str


class Executed(msgspec.Struct, frozen=True):
    """The object that a query made: hash of its bytes, rows, size in bytes, and a bag for each column set."""

    content: str
    rows: int
    size: int
    bags: tuple[BagDigest, ...]


class ViewDefinition(msgspec.Struct, frozen=True):
    """One relation of the published DuckDB file: a query over others, or Parquet files, or only these columns.

    `shaky` is a view whose inputs may no longer be what it was compiled for: where it does not bind, it is left out.
    """

    name: str
    sql: str | None
    parts: tuple[str, ...]
    columns: tuple[Column, ...]
    shaky: bool


class PublishViews(msgspec.Struct, frozen=True):
    """Bring the DuckDB file of views to a revision: replace `changed`, drop `dropped`.

    These are the changes since the file that has this `stamp`; `None` starts from nothing. `logged` says whether they
    may go into the log beside it.
    """

    path: str
    temporary: str
    revision: int
    changed: tuple[ViewDefinition, ...]
    dropped: tuple[str, ...]
    stamp: str | None
    logged: bool


class Published(msgspec.Struct, frozen=True):
    """The file of views now shows `revision`, without the shaky views that do not bind.

    `content` is its hash and `stamp` what tells it from others, both with its log.
    """

    revision: int
    left_out: tuple[str, ...]
    content: str
    stamp: str


class DeclaredTable(msgspec.Struct, frozen=True):
    """A table that an extractor declares: the digest of its Arrow schema, and the types as they are stored."""

    name: str
    arrow: str
    schema: Schema


class ExtractorSpec(msgspec.Struct, frozen=True):
    """One declared extractor: a Python function that turns one file into tables.

    `files` is a pattern of paths as the tree has them, `base` the folder below which it names them. `tables` are those
    that it declares; `None` where it declares none. `code` is the digest of what it does, tables included.
    """

    name: str
    files: str
    base: str
    path: str
    function: str
    line: int
    tables: tuple[DeclaredTable, ...] | None
    code: str

    @property
    def digest(self) -> str:
        """Hash what its answers depend on besides the file: also below which folder that is named."""
        return digest_of("extractor", self.code, self.base)


class Loaded(msgspec.Struct, frozen=True):
    """What one Python source declares, and what went into it.

    `files` are all project files that the source is made of, itself first, by the bytes that were used. `imports` are
    the absolute names of modules it tried to import, found or not: a new file of such a name makes it stale.
    `problems` are declarations that are wrong; the others of the file stand.
    """

    path: str
    tasks: tuple[TaskSpec, ...]
    extractors: tuple[ExtractorSpec, ...]
    files: tuple[FileUse, ...]
    imports: tuple[str, ...]
    problems: tuple[Problem, ...]


class LoadFailed(msgspec.Struct, frozen=True):
    """Why a Python source does not load, and what it had read and tried to import until then.

    The content of a file that was looked for and is not there is `plan.ABSENT`.
    """

    problem: Problem
    files: tuple[FileUse, ...]
    imports: tuple[str, ...]


class Built(msgspec.Struct, frozen=True):
    """The query that a Python builder gave: DuckDB SQL, the schema it promises, what it asked for, files it used.

    `asked` are the datasets whose schemas the builder looked at; `metadata` are the (dataset, key, value) it read.
    """

    text: str
    schema: Schema
    asked: tuple[str, ...]
    metadata: tuple[tuple[str, str, str], ...]
    udfs: tuple[Udf, ...]
    files: tuple[FileUse, ...]


class BuildFailed(msgspec.Struct, frozen=True):
    """Why a Python builder gave no query, and what it had looked at until then: when that moves, it is tried again."""

    problem: Problem
    asked: tuple[str, ...]
    files: tuple[FileUse, ...]


class Extract(msgspec.Struct, frozen=True):
    """Run an extractor on one file; `path` is absolute, `shown` as the tree has it.

    `known` is what it gave of the file before: it stands while the bytes are the same.
    """

    extractor: ExtractorSpec
    path: str
    shown: str
    known: "Extracted | None"
    objects: str
    temporary: str


class Extracted(msgspec.Struct, frozen=True):
    """The tables that one file gave: dataset name, its schema, and the part; `content` is the hash of the file."""

    content: str
    tables: tuple[tuple[str, Schema, Part], ...]
