"""What users write: the `@task` and `@extract` decorators.

A decorator notes the function and gives it back unchanged, so a task stays an ordinary function. Options are not
judged here but where the file is loaded, so that a mistake is a problem with a place. Nothing here imports ibis.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import FunctionType
from typing import Any, TypeVar, overload

Function = TypeVar("Function", bound=Callable[..., Any])


class Role(StrEnum):
    """What a decorated function is declared to be."""

    TASK = "task"
    EXTRACTOR = "extractor"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One use of a decorator."""

    role: Role
    function: Callable[..., Any]
    options: dict[str, Any]


_declared: list[Declaration] = []


def declarations() -> tuple[Declaration, ...]:
    """All decorators that were used in this process, in that order."""
    return tuple(_declared)


@overload
def task(function: Function, /) -> Function: ...
@overload
def task(**options: Any) -> Callable[[Function], Function]: ...
def task(function: Any = None, /, **options: Any) -> Any:
    """Declare a function `(ctx) -> ibis.Table` as a task.

    Options: `name`, `output`, `kind` (view, compute, materialization), `cache_policy` (none, session, persistent),
    `priority`, `allow` (codes of warnings). With other decorators, `@task` goes on top.
    """
    if function is None:
        return lambda decorated: _declare(Role.TASK, decorated, options)
    return _declare(Role.TASK, function, options)


def extract(function: Any = None, /, **options: Any) -> Callable[[Function], Function]:
    """Declare a function `(file) -> dict[str, pyarrow.Table]` as an extractor.

    Options: `files`, a glob from the project; `tables`, the Arrow schemas of all its tables by name, which are checked
    and then known also where there is no file.
    """
    if function is not None:
        raise TypeError('@extract needs to know its files: write @extract(files="src/**/*.py")')
    return lambda decorated: _declare(Role.EXTRACTOR, decorated, options)


def _declare(role: Role, function: Any, options: dict[str, Any]) -> Any:
    # What other decorators leave is known by its `__wrapped__`; a partial or an object has no place of its own.
    if not isinstance(function, FunctionType) and not isinstance(getattr(function, "__wrapped__", None), FunctionType):
        raise TypeError(f"@{role} decorates functions, not {function!r}; options are given by name")
    _declared.append(Declaration(role, function, options))
    return function
