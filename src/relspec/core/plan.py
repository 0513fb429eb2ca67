"""A compiled task: PlanArtifact, what it requires of its inputs, and where its columns come from.

A plan holds text, hashes and lineage, never a syntax tree: a retained tree costs some 400 KB a task.
"""

from collections.abc import Mapping

import msgspec

from relspec.core.digest import digest_of
from relspec.core.finding import Repeatability
from relspec.core.problem import Problem
from relspec.core.schema import Column, Schema
from relspec.core.spec import CachePolicy, TaskSpec

#: One output column with the (dataset, column) pairs that it is made of.
LineageRow = tuple[str, tuple[tuple[str, str], ...]]


#: One part of a canonical form by name, with its digest: a clause, or `column:<output>`. It says what of a query moved.
Aspect = tuple[str, str]

#: What the name of an output's aspect begins with, and once a level that of a clause of a subquery.
COLUMN_ASPECT = "column:"
INNER_ASPECT = "inner "


class Requirement(msgspec.Struct, frozen=True):
    """What one task requires of one dataset: columns with types (none is "the number of rows"), and metadata."""

    dataset: str
    columns: tuple[Column, ...]
    metadata: tuple[tuple[str, str], ...] = ()


class Udf(msgspec.Struct, frozen=True):
    """A Python function that a plan calls: its name in the SQL, DuckDB types, the hash of its code, and its file."""

    name: str
    parameters: tuple[str, ...]
    returns: str
    digest: str
    path: str


class InferredDeps(msgspec.Struct, frozen=True):
    """What a query reads. Inferred, never declared.

    `inputs` are stored datasets, after views were inlined: they make the key. `views` are the views that were
    inlined, with the columns used of each: they shape the graph.
    """

    inputs: tuple[Requirement, ...]
    views: tuple[Requirement, ...]


class FileUse(msgspec.Struct, frozen=True):
    """A project file that went into a plan, by path and by the hash of the very bytes that were used."""

    path: str
    content: str


class PlanArtifact(msgspec.Struct, frozen=True):
    """A compiled task.

    `sql` is what executes: the query as written, with tables as `main.<dataset>` and views inlined.
    `canonical` is the digest of our canonical form, `aspects` are its parts. `coarse` says why lineage fell back to
    whole tables, or is `None`. `schema` is the schema of the stored output. `repeatability` says how far the inputs
    determine the result.
    """

    task: str
    output: str
    sql: str
    canonical: str
    aspects: tuple[Aspect, ...]
    schema: Schema
    deps: InferredDeps
    lineage: tuple[LineageRow, ...]
    udfs: tuple[Udf, ...]
    coarse: str | None
    fingerprint: str
    repeatability: Repeatability


PlanCatalog = Mapping[str, PlanArtifact]


class CompileRecord(msgspec.Struct, frozen=True):
    """What the last compilation of a task looked at, and how it ended; while none of this moves, nothing recompiles.

    `asked` maps each dataset whose schema was looked at to the digest of what was seen, `ABSENT` where there was none.
    `problem` is `None` where a plan came out. `toolchain` is what compiled it.
    """

    spec: TaskSpec
    files: tuple[FileUse, ...]
    asked: tuple[tuple[str, str], ...]
    problem: Problem | None
    toolchain: str


#: Stands in `CompileRecord.asked` for a dataset that could not be found.
ABSENT = "absent"

#: Version of the plan fingerprint.
FINGERPRINT_FORMAT = "plan-1"

#: Version of what is hashed of a Python function.
CODE_FORMAT = "code-3"

#: Version of everything that decides about a canonical digest; `canonical.py` says what that is.
CANONICAL_FORMAT = "canonical-3"


def is_remembered(plan: PlanArtifact, policy: CachePolicy) -> bool:
    """Whether executions of a plan are remembered: not under the policy `none`, nor what was true at a moment only."""
    return policy is not CachePolicy.NONE and not plan.repeatability.reads_clock


def is_same_query(plan: PlanArtifact, other: PlanArtifact) -> bool:
    """Whether two plans hand the very same text, inputs, types and functions to the engine.

    This proves that they give the same rows, whichever compilers wrote them and whatever their fingerprints are.
    """
    return all(
        (
            plan.output == other.output,
            plan.sql == other.sql,
            plan.schema.columns == other.schema.columns,
            plan.deps.inputs == other.deps.inputs,
            plan.udfs == other.udfs,
        )
    )


def fingerprint_of(
    output: str, canonical: str, schema: Schema, inputs: tuple[Requirement, ...], udfs: tuple[Udf, ...]
) -> str:
    """Hash what decides a plan's result: output, canonical form, required (input, column, type), schema, UDF code."""
    parts = [FINGERPRINT_FORMAT, output, canonical]
    for column in schema.columns:
        parts += ["out", column.name, column.type]
    for need in sorted(inputs, key=lambda r: r.dataset):
        parts += ["in", need.dataset]
        for column in sorted(need.columns, key=lambda c: c.name.lower()):
            parts += [column.name.lower(), column.type]
        for key, value in sorted(need.metadata):
            parts += ["metadata", key, value]
    for udf in sorted(udfs, key=lambda u: u.name):
        parts += ["udf", udf.name, udf.returns, udf.digest, *udf.parameters]
    return digest_of(*parts)
