"""How the readers of data files say that a file is not what it should be: raised inside intake, a Problem outside."""

from relspec.core.problem import Code, Problem
from relspec.core.schema import Column
from relspec.core.work import Intake


class RefusedError(Exception):
    """A file cannot be taken in; carries the problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def unreadable(request: Intake, message: str, *, line: int | None = None, hint: str | None = None) -> RefusedError:
    """Say that a file cannot be read at all."""
    return RefusedError(Problem(Code.UNREADABLE, None, request.shown, line, None, message, hint))


def drifted(request: Intake, message: str, *, line: int | None = None, hint: str | None = None) -> RefusedError:
    """Say that a file is read well and holds something else than its source promised."""
    return RefusedError(Problem(Code.SCHEMA_DRIFT, None, request.shown, line, None, message, hint))


def misfit(request: Intake, column: Column, text: str, line: int | None) -> RefusedError:
    """Say that a value is none of its column's type."""
    said = f"the value {text!r} does not fit the column {column.name!r} of type {column.type}"
    return drifted(request, said, line=line, hint=set_type_hint(request, column.name))


def misconfigured(request: Intake, message: str, hint: str | None) -> RefusedError:
    """Say that the `types` of the source are wrong."""
    return RefusedError(Problem(Code.CONFIG, None, request.shown, None, None, message, hint))


def set_type_hint(request: Intake, column: str) -> str:
    """Advise on a value that does not fit its column."""
    return (
        f'repair the value, or set types = {{ {column} = "VARCHAR" }} for the source {request.source!r} in watch.toml'
    )
