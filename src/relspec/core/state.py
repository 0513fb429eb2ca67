"""What is remembered between builds, as values: sources, outputs, the memo, runs. The store writes them, nothing else.

A `Delta` is all that one commit changes; it becomes true in one transaction or not at all.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property

import msgspec

from relspec.core.dataset import Dataset, Part, Reader, Stamp
from relspec.core.decision import Basis
from relspec.core.digest import BagDigest
from relspec.core.plan import CompileRecord, PlanArtifact
from relspec.core.problem import Problem
from relspec.core.progress import Action
from relspec.core.reason import Reason
from relspec.core.schema import Schema
from relspec.core.settings import SourceSpec
from relspec.core.spec import CachePolicy, Kind
from relspec.core.tree import FileEntry
from relspec.core.warning import TaskWarning
from relspec.core.work import Extracted, Intaken, Loaded, LoadFailed


class SourceFile(msgspec.Struct, frozen=True):
    """One file of a source at one stamp: what was taken in, or why it could not be."""

    path: str
    stamp: Stamp
    taken: Intaken | None
    problem: Problem | None


class SourceState(msgspec.Struct, frozen=True, dict=True):
    """A source as last taken in; `problem` is set where its files do not fit together.

    `declared` is what its files were read by, `None` for a table of an extractor; of those `fixed` is the schema that
    is declared, `None` where the files say what it is.
    """

    name: str
    declared: SourceSpec | None
    reader: Reader | None
    fixed: Schema | None
    files: tuple[SourceFile, ...]
    problem: Problem | None

    @property
    def extracted(self) -> bool:
        """Whether an extractor makes it."""
        return self.declared is None

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the source or with any of its files."""
        own = () if self.problem is None else (self.problem,)
        return own + tuple(f.problem for f in self.files if f.problem is not None)

    @cached_property
    def dataset(self) -> Dataset | None:
        """The source as a dataset; `None` while anything is wrong with it, or it has neither a file nor a schema."""
        taken = [f.taken for f in self.files if f.taken is not None]
        if self.problems or not (taken or self.fixed):
            return None
        return Dataset(self.name, self.fixed or taken[0].schema, tuple(t.part for t in taken))


class Output(msgspec.Struct, frozen=True):
    """The current object of a stored task: what its execution rests on, when it was made, and how long that took."""

    output: str
    task: str
    basis: Basis
    content: str
    rows: int
    size: int
    schema: Schema
    executed_at: float
    ms: float

    def dataset(self, path: str) -> Dataset:
        """The output as a dataset whose only part lies at `path`."""
        return Dataset(self.output, self.schema, (Part(self.content, path, self.rows, None),))


class MemoRow(msgspec.Struct, frozen=True):
    """One remembered execution: the output that it gave, under the key of its basis."""

    policy: CachePolicy
    output: Output


class DigestRow(msgspec.Struct, frozen=True):
    """One measured bag: which content, restricted to which columns (`columns_digest`)."""

    content: str
    columns: str
    bag: BagDigest


class TaskState(StrEnum):
    """The states of `status`."""

    FRESH = "fresh"
    STALE = "stale"
    RUNNING = "running"
    BLOCKED = "blocked"
    FAILED = "failed"


class TaskStatus(msgspec.Struct, frozen=True):
    """One line of `status`. `reason` is one sentence; what never executed has no time."""

    name: str
    output: str
    kind: Kind
    state: TaskState
    rows: int | None
    fingerprint: str | None
    executed_at: float | None
    ms: float | None
    reason: str


class RunTask(msgspec.Struct, frozen=True):
    """What became of one task in one run, and why."""

    task: str
    action: Action
    ms: float
    reasons: tuple[Reason, ...]


class RunRecord(msgspec.Struct, frozen=True):
    """One build: its number, the revision it ended in, what changed on disk, what happened to each task in the cone."""

    run: int
    revision: int
    started_at: float
    ms: float
    changes: tuple[tuple[str, str], ...]
    recompiled: tuple[str, ...]
    tasks: tuple[RunTask, ...]


class ExtractionRow(msgspec.Struct, frozen=True):
    """One remembered extraction: extractor code, file by path and version (`version_of`), and the tables it gave."""

    extractor: str
    path: str
    version: str
    extracted: Extracted


class Publication(msgspec.Struct, frozen=True):
    """What readers see at `place`: a revision, through the file of views that has this stamp and this hash.

    Both are of the file with its log.
    """

    revision: int
    place: str
    stamp: str
    content: str


class Delta(msgspec.Struct, frozen=True):
    """What one commit changes. In a mapping, `None` deletes; `problems` and `warnings` replace all; `None` leaves.

    `source_files` are those files of `sources` that moved, by name and path. `stored_plans` is what the store has of
    `plans`, where that is known.
    `toolchain` is set by the first commit of another toolchain, when all that it must look at anew has been.
    """

    files: Mapping[str, FileEntry | None] = msgspec.field(default_factory=dict)
    modules: Mapping[str, Loaded | LoadFailed | None] = msgspec.field(default_factory=dict)
    sources: Mapping[str, SourceState | None] = msgspec.field(default_factory=dict)
    source_files: Mapping[tuple[str, str], SourceFile | None] = msgspec.field(default_factory=dict)
    records: Mapping[str, CompileRecord | None] = msgspec.field(default_factory=dict)
    plans: Mapping[str, PlanArtifact | None] = msgspec.field(default_factory=dict)
    stored_plans: Mapping[str, PlanArtifact | None] = msgspec.field(default_factory=dict)
    outputs: Mapping[str, Output | None] = msgspec.field(default_factory=dict)
    statuses: Mapping[str, TaskStatus | None] = msgspec.field(default_factory=dict)
    problems: tuple[Problem, ...] | None = None
    warnings: tuple[TaskWarning, ...] | None = None
    memo: tuple[MemoRow, ...] = ()
    digests: tuple[DigestRow, ...] = ()
    extractions: tuple[ExtractionRow, ...] = ()
    run: RunRecord | None = None
    toolchain: str | None = None


class Saved(msgspec.Struct, frozen=True):
    """All that a start needs of what was remembered. `problems` are those of the last commit."""

    revision: int
    run: int
    toolchain: str | None
    files: dict[str, FileEntry]
    modules: dict[str, Loaded | LoadFailed]
    sources: dict[str, SourceState]
    records: dict[str, CompileRecord]
    plans: dict[str, PlanArtifact]
    outputs: dict[str, Output]
    statuses: dict[str, TaskStatus]
