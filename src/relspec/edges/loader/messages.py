"""What the daemon says to the warm parent, and to the child of a session, and what it hears back.

To the parent: one message a datagram; the child's end of its connection travels with `Fork` as a descriptor.
To a child: `Configure` first, which has no answer, then one request at a time, each with one answer,
which notes of what user code reads come before.
"""

import msgspec

from relspec.core.plan import FileUse
from relspec.core.problem import Problem
from relspec.core.schema import Schema
from relspec.core.spec import TaskSpec
from relspec.core.work import (
    BuildFailed,
    Built,
    Execute,
    Executed,
    Extract,
    Extracted,
    Loaded,
    LoadFailed,
    Needs,
)
from relspec.edges.forking import Kill

#: The exit status of a child whose connection is gone or is none any more.
CONNECTION_LOST = 86


class Bounds(msgspec.Struct, frozen=True):
    """What a child and all that it starts may have together: processes, megabytes, kilobytes in the log."""

    processes: int
    memory_mb: int
    output_kb: int


class Fork(msgspec.Struct, tag="fork", frozen=True):
    """Fork a child that serves the connection that comes with this; `ticket` names it from now on.

    One that `waits` is for later: until it is taken it runs nothing of the user's, so nobody has to look at it.
    """

    ticket: int
    bounds: Bounds
    waits: bool


class Take(msgspec.Struct, tag="take", frozen=True):
    """A child that waited is put to work."""

    ticket: int


class Warm(msgspec.Struct, tag="warm", frozen=True):
    """Import modules, those that are installed, for children that will need them, once no child is at work."""

    modules: tuple[str, ...]


Order = Fork | Take | Kill | Warm


class Configure(msgspec.Struct, tag="configure", frozen=True):
    """The project: absolute paths of its root, task folders, state and what is aside there, and what work may cost."""

    root: str
    folders: tuple[str, ...]
    state: str
    temporary: str
    timezone: str
    memory_mb: int
    python_mb: int
    processes: int
    spill: str
    spill_mb: int


class DoLoad(msgspec.Struct, tag="load", frozen=True):
    """Load a file."""

    path: str


class DoBuild(msgspec.Struct, tag="build", frozen=True):
    """Run the builder of a task."""

    spec: TaskSpec
    schemas: tuple[tuple[str, Schema], ...]


class DoExtract(msgspec.Struct, tag="extract", frozen=True):
    """Run an extractor on a file."""

    request: Extract


class DoExecute(msgspec.Struct, tag="execute", frozen=True):
    """Run a query that calls Python functions."""

    request: Execute


class GaveLoaded(msgspec.Struct, tag="loaded", frozen=True):
    """A file was loaded."""

    value: Loaded


class GaveLoadFailed(msgspec.Struct, tag="load-failed", frozen=True):
    """A file does not load."""

    value: LoadFailed


class GaveBuilt(msgspec.Struct, tag="built", frozen=True):
    """A builder gave a query."""

    value: Built


class GaveNeeds(msgspec.Struct, tag="needs", frozen=True):
    """A builder needs the schemas of further datasets."""

    value: Needs


class GaveBuildFailed(msgspec.Struct, tag="build-failed", frozen=True):
    """A builder gave no query."""

    value: BuildFailed


class GaveExtracted(msgspec.Struct, tag="extracted", frozen=True):
    """An extractor gave tables."""

    value: Extracted


class GaveExecuted(msgspec.Struct, tag="executed", frozen=True):
    """A query was run."""

    value: Executed


class GaveProblem(msgspec.Struct, tag="problem", frozen=True):
    """Something is wrong in the user's files."""

    value: Problem


class InputMoved(msgspec.Struct, tag="input-moved", frozen=True):
    """An input changed while it was read."""

    path: str


class Noted(msgspec.Struct, tag="noted", frozen=True):
    """No answer yet: what user code has read and tried to import by now, should it never come to one."""

    files: tuple[FileUse, ...]
    imports: tuple[str, ...]


class Fault(msgspec.Struct, tag="fault", frozen=True):
    """We met an error of our own; the child ends after this."""

    message: str
    memory: bool


Request = Configure | DoLoad | DoBuild | DoExtract | DoExecute
Answer = (
    GaveLoaded
    | GaveLoadFailed
    | GaveBuilt
    | GaveNeeds
    | GaveBuildFailed
    | GaveExtracted
    | GaveExecuted
    | GaveProblem
    | InputMoved
    | Noted
    | Fault
)


class Reply(msgspec.Struct, frozen=True):
    """An answer, and what user code has spoilt in the child for other files; one like that is ended."""

    answer: Answer
    spoilt: str | None
