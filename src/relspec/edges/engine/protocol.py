"""What the daemon and an engine process say to each other: one question, one answer, in turn.

And what the daemon says to the parent of the engines: one message a datagram.
"""

import msgspec

from relspec.core.problem import Problem
from relspec.core.work import (
    Analyse,
    Analysed,
    Execute,
    Executed,
    Intake,
    Intaken,
    Measure,
    Measured,
    Needs,
    Published,
    PublishViews,
)
from relspec.edges.forking import Kill


class Launch(msgspec.Struct, frozen=True):
    """How an engine is set: bounds of memory and spill, time zone, the directory for what it writes.

    One that `publishes` does nothing else.
    """

    memory_mb: int
    spill_mb: int
    timezone: str
    temporary: str
    publishes: bool


class Fork(msgspec.Struct, tag="fork", frozen=True):
    """Fork an engine. With this come its end of its connection, and a file for its complaints."""

    ticket: int
    launch: Launch


Order = Fork | Kill


class AskIntake(msgspec.Struct, tag="intake", frozen=True):
    """Take in a file."""

    request: Intake


class AskAnalyse(msgspec.Struct, tag="analyse", frozen=True):
    """Compile a query."""

    request: Analyse


class AskMeasure(msgspec.Struct, tag="measure", frozen=True):
    """Digest a part."""

    request: Measure


class AskExecute(msgspec.Struct, tag="execute", frozen=True):
    """Run a query."""

    request: Execute


class AskPublish(msgspec.Struct, tag="publish", frozen=True):
    """Bring the file of views up to date."""

    request: PublishViews


class AskPrepare(msgspec.Struct, tag="prepare", frozen=True):
    """Do what can be done of a publication before it may be shown."""

    request: PublishViews


class Ready(msgspec.Struct, tag="ready", frozen=True):
    """The process is warm and waits for its first question."""


class GaveIntaken(msgspec.Struct, tag="intaken", frozen=True):
    """A file was taken in."""

    value: Intaken


class GaveAnalysed(msgspec.Struct, tag="analysed", frozen=True):
    """A query was compiled."""

    value: Analysed


class GaveNeeds(msgspec.Struct, tag="needs", frozen=True):
    """A query cannot be compiled without more schemas."""

    value: Needs


class GaveMeasured(msgspec.Struct, tag="measured", frozen=True):
    """A part was digested."""

    value: Measured


class GaveExecuted(msgspec.Struct, tag="executed", frozen=True):
    """A query was run."""

    value: Executed


class GavePublished(msgspec.Struct, tag="published", frozen=True):
    """The file of views is up to date."""

    value: Published


class GaveProblem(msgspec.Struct, tag="problem", frozen=True):
    """Something is wrong in the user's files."""

    value: Problem


class InputMoved(msgspec.Struct, tag="input-moved", frozen=True):
    """An input changed while it was read."""

    path: str


class Prepared(msgspec.Struct, tag="prepared", frozen=True):
    """What could be done ahead was done; what could not will be told by the publication."""


class Fault(msgspec.Struct, tag="fault", frozen=True):
    """The process met an error that it does not know, and ends after this answer."""

    message: str
    memory: bool


Question = AskIntake | AskAnalyse | AskMeasure | AskExecute | AskPrepare | AskPublish
Answer = (
    Ready
    | GaveIntaken
    | GaveAnalysed
    | GaveNeeds
    | GaveMeasured
    | GaveExecuted
    | GavePublished
    | GaveProblem
    | InputMoved
    | Prepared
    | Fault
)
