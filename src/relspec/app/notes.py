"""What has changed in a world since its last commit: names, and work that was done and must not be lost."""

from dataclasses import dataclass, field

from relspec.core.plan import PlanArtifact
from relspec.core.state import DigestRow, ExtractionRow, MemoRow, RunTask, SourceFile, SourceState


@dataclass
class Carried:
    """What work that was done has to leave in the store, also when the run it belonged to was superseded."""

    memo: list[MemoRow] = field(default_factory=list)
    digests: list[DigestRow] = field(default_factory=list)
    extractions: list[ExtractionRow] = field(default_factory=list)
    objects: set[str] = field(default_factory=set)
    ran: dict[str, RunTask] = field(default_factory=dict)


@dataclass
class Notes:
    """Names of what changed since the last commit, of `plans` with what they were then."""

    files: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    source_files: dict[tuple[str, str], SourceFile | None] = field(default_factory=dict)
    restamped: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)
    plans: dict[str, PlanArtifact | None] = field(default_factory=dict)
    outputs: set[str] = field(default_factory=set)
    rekeyed: set[str] = field(default_factory=set)
    statuses: set[str] = field(default_factory=set)
    recompiled: set[str] = field(default_factory=set)

    def files_of(self, name: str, before: SourceState | None, after: SourceState | None) -> None:
        """Note the files in which a state of a source differs from the one before; `None` for those that are gone."""
        old = {} if before is None else {file.path: file for file in before.files}
        new = {} if after is None else {file.path: file for file in after.files}
        self.source_files |= {(name, path): None for path in old.keys() - new.keys()}
        moved = (file for path, file in new.items() if (known := old.get(path)) is not file and known != file)
        self.source_files |= {(name, file.path): file for file in moved}
