"""What an engine process does: each question by its verb. It is answered by a value, a problem, or by naming an input
that moved; any other error is for the loop. It never decides what to run.
"""

import functools
from pathlib import Path

import duckdb

from relspec.core.errors import InputMovedError
from relspec.core.problem import Problem
from relspec.core.work import Analysed, Executed, Intaken, Needs
from relspec.edges.engine.analyses import Analyses
from relspec.edges.engine.connection import SPILL_MB, open_connection
from relspec.edges.engine.execute import execute
from relspec.edges.engine.in_place import in_place
from relspec.edges.engine.intake import intake
from relspec.edges.engine.measure import measure
from relspec.edges.engine.objects import temporary_path
from relspec.edges.engine.protocol import (
    Answer,
    AskAnalyse,
    AskExecute,
    AskIntake,
    AskMeasure,
    AskPrepare,
    AskPublish,
    Fault,
    GaveAnalysed,
    GaveExecuted,
    GaveIntaken,
    GaveMeasured,
    GaveNeeds,
    GaveProblem,
    InputMoved,
    Question,
)
from relspec.edges.engine.publishing import Publishing

#: DuckDB keeps up to 3.6 KB of each join for as long as a database is open: 11 MB after 3,000 of them, 43 after 30,000
#: (1.5.6), which `duckdb_memory` does not count. Opening one anew takes 25 ms, a hundredth of the work in between.
RENEWED_AFTER = 500


class Engine:
    """The databases of one process: one that reads and writes files, one that binds texts and reaches none."""

    def __init__(self, memory_mb: int, timezone: str, temporary: str, *, spill_mb: int = SPILL_MB) -> None:
        spill = str(Path(temporary_path(temporary, ".spill")))
        self._open_files = functools.partial(open_connection, memory_mb, timezone, spill, spill_mb=spill_mb)
        self._files = self._open_files()
        self._n_asked = 0
        self._analyses = Analyses(open_connection(memory_mb, timezone, spill, files=False))
        self._publishing = Publishing()

    def answer(self, question: Question) -> Answer:
        """Do what is asked; raises nothing that belongs to the work."""
        try:
            return self._dispatch(question)
        except InputMovedError as error:
            return InputMoved(error.path)
        except (duckdb.OutOfMemoryException, MemoryError) as error:
            return Fault(str(error), memory=True)

    def rest(self) -> None:
        """Give back what the database that reads files has kept of much work; nothing of it is needed again."""
        if self._n_asked >= RENEWED_AFTER:
            self._files.close()
            self._files = self._open_files()
            self._n_asked = 0

    def _dispatch(self, question: Question) -> Answer:
        match question:
            case AskIntake(request=request):
                return _given(intake(self._asked(), request))
            case AskAnalyse(request=request):
                return _given(self._analyses.answer(request))
            case AskMeasure(request=request):
                return GaveMeasured(measure(self._asked(), request))
            case AskExecute(request=request):
                return _given(execute(self._asked(), request, {}, in_place))
            case AskPrepare() | AskPublish():
                return self._publishing.answer(question)

    def _asked(self) -> duckdb.DuckDBPyConnection:
        self._n_asked += 1
        return self._files


def _given(value: Intaken | Analysed | Needs | Executed | Problem) -> Answer:
    match value:
        case Problem():
            return GaveProblem(value)
        case Intaken():
            return GaveIntaken(value)
        case Analysed():
            return GaveAnalysed(value)
        case Needs():
            return GaveNeeds(value)
        case Executed():
            return GaveExecuted(value)
