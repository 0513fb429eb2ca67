"""What users write: the `@task` and `@extract` decorators.

A decorator only marks the function; what is declared is read by the loader. Nothing here imports ibis, and a marked
function stays an ordinary function.
"""

from collections.abc import Callable
from typing import Any, TypeVar, overload

Function = TypeVar("Function", bound=Callable[..., Any])

#: Attributes that carry a declaration on the marked function.
TASK_MARK = "__relspec_task__"
EXTRACT_MARK = "__relspec_extract__"


@overload
def task(function: Function, /) -> Function: ...
@overload
def task(**options: Any) -> Callable[[Function], Function]: ...
def task(function: Any = None, /, **options: Any) -> Any:
    """Declare a function `(ctx) -> ibis.Table` as a task.

    Options: `name`, `output`, `kind` (view, compute, materialization), `cache_policy` (none, session, persistent),
    `priority`. They are checked where the file is loaded, so that a mistake is a problem with a place.
    """

    def mark(marked: Function) -> Function:
        setattr(marked, TASK_MARK, options)
        return marked

    return mark if function is None else mark(function)


def extract(**options: Any) -> Callable[[Function], Function]:
    """Declare a function `(file) -> dict[str, pyarrow.Table]` as an extractor over `files`, a glob from the project."""

    def mark(marked: Function) -> Function:
        setattr(marked, EXTRACT_MARK, options)
        return marked

    return mark
