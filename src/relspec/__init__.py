"""Vite for data: save a task, and every table that really depends on it is fresh a moment later.

    from relspec import Project, extract, task

Importing this package loads nothing: each name arrives when it is first touched.
"""

# Start-up time: `typing`, which means it by the same name, would take as long as starting Python does.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from relspec.app.project import Project
    from relspec.authoring import extract, task

__all__ = ["Project", "extract", "task"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name in {"extract", "task"}:
        # Start-up time: every command imports this package, and the decorators come with `inspect`, 15 ms.
        from relspec import authoring  # noqa: PLC0415

        return getattr(authoring, name)
    if name == "Project":
        # Start-up time: the same, and ibis.
        from relspec.app.project import Project  # noqa: PLC0415

        return Project
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
