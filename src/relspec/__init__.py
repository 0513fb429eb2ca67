"""Vite for data: save a task, and every table that really depends on it is fresh a moment later.

    from relspec import Project, extract, task

Importing this package loads nothing heavy: `Project` arrives when it is first touched.
"""

from typing import TYPE_CHECKING, Any

from relspec.authoring import extract, task

if TYPE_CHECKING:
    from relspec.app.project import Project

__all__ = ["Project", "extract", "task"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "Project":
        # Start-up time: `status` imports this package and must not pay for ibis.
        from relspec.app.project import Project  # noqa: PLC0415

        return Project
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
