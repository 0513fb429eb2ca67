"""`build`: bring every table up to date once, by the daemon or in this process."""

import os
from argparse import ArgumentParser
from pathlib import Path

from relspec.core.errors import ConfigError
from relspec.core.layout import Layout
from relspec.ui.cli.call import Call, Outcome, answered, outcome_of
from relspec.ui.render.build import build_lines


def arguments(parser: ArgumentParser) -> None:
    """Declare the tasks to bring up to date, and the editor's save hook."""
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="only these and what they need", default=[])
    parser.add_argument("--again", action="store_true", help="execute the named tasks although nothing moved")
    parser.add_argument("--file", metavar="PATH", help="only the problems and results of this file and its cone")


def run(call: Call) -> Outcome:
    """Build and wait: a task may take as long as its own limit allows."""
    layout = call.layout()
    file = getattr(call.options, "file", None)
    again = hasattr(call.options, "again")
    if again and (not call.options.tasks or file is not None):
        raise ConfigError("--again executes tasks that are named, so it needs at least one TASK, and no --file")
    wanted = {"tasks": call.options.tasks, "file": None if file is None else path_in(layout, file)}
    wanted |= {"again": True} if again else {}
    return outcome_of(layout, answered(layout, "build", wanted), build_lines)


def path_in(layout: Layout, given: str) -> str:
    """Turn a path as the editor gives it into one relative to the project. Raises ConfigError when it is outside.

    Only its folder is resolved: a file that is itself a link is known to the project by the link's name.
    """
    path = Path(os.path.abspath(given))
    for candidate in (path, path.parent.resolve() / path.name):
        if candidate.is_relative_to(layout.root):
            return candidate.relative_to(layout.root).as_posix()
    raise ConfigError(f"--file {given!r} is not inside the project {str(layout.root)!r}")
