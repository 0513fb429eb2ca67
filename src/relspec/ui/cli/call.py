"""What a command gets and what it gives: Call and Outcome. Finds the project, and asks whoever can answer."""

import contextlib
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from relspec.core.errors import ConfigError, StateBusyError
from relspec.core.layout import Layout
from relspec.edges.ask import Document, ask
from relspec.ui.render.page import Page

#: A daemon that starts up or ends holds the state for a moment in which nobody answers.
_BUSY_S = 10.0
_BUSY_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: exit code, the document for scripts, its text for people; `root` is where files lie."""

    exit_code: int
    document: Mapping[str, Any]
    text: Callable[[Page], list[str]]
    root: Path | None


class Command(Protocol):
    """What a command module offers."""

    def arguments(self, parser: ArgumentParser) -> None:
        """Declare what the command takes."""

    def run(self, call: "Call") -> Outcome:
        """Do it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One parsed command line."""

    command: Command
    options: Namespace
    project: str | None
    json: bool

    def layout(self) -> Layout:
        """Find the project: `--project`, or the nearest folder from here upwards that looks like one, or this one.

        Raises ConfigError when `--project` is no directory.
        """
        if self.project is None:
            return Layout(project_above(Path.cwd()))
        root = Path(self.project).resolve()
        if not root.is_dir():
            raise ConfigError(f"--project {self.project!r} is not a directory")
        return Layout(root)


def project_above(start: Path) -> Path:
    """Find the nearest folder that has a `watch.toml` or a `tasks` folder, else `start` itself."""
    for folder in (start, *start.parents):
        if (folder / "watch.toml").is_file() or (folder / "tasks").is_dir():
            return folder
    return start


def answered(
    layout: Layout, command: str, arguments: Mapping[str, Any], timeout: float | None = None
) -> tuple[int, Document]:
    """Let the daemon answer, or do it in this process where no daemon lives.

    While the state is busy and nobody answers yet, it looks again for some seconds, then raises StateBusyError.
    """
    deadline = time.monotonic() + _BUSY_S
    while True:
        reply = ask(layout, command, arguments, timeout)
        if reply is not None:
            return reply
        try:
            return _here(layout, command, arguments)
        except StateBusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_BUSY_LOOK_S)


def _here(layout: Layout, command: str, arguments: Mapping[str, Any]) -> tuple[int, Document]:
    # Start-up time: this imports what builds, several hundred milliseconds that a command with a daemon never needs.
    from relspec.app.local import answer  # noqa: PLC0415
    from relspec.core.progress import SetAside  # noqa: PLC0415
    from relspec.ui.lines import aside_line  # noqa: PLC0415

    def warn(event: SetAside) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(aside_line(event), file=sys.stderr)

    return answer(layout, command, dict(arguments), warn)


def outcome_of(
    layout: Layout, reply: tuple[int, Document], text: Callable[[Mapping[str, Any], Page], list[str]]
) -> Outcome:
    """Make the outcome of an answer; `text` shows the document unless it is an error."""
    exit_code, document = reply
    return Outcome(exit_code, document, lambda page: text(document, page), layout.root)
