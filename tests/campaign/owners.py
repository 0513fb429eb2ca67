"""Who owns the state while a script is played: this process, or a real daemon."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.scenarios.harness import build

from relspec.app.documents import Document
from relspec.app.status import StatusLines, status_document
from relspec.app.workspace import Workspace, open_workspace
from relspec.core.document import opened
from relspec.core.layout import Layout
from relspec.edges.ask import ask

_ANSWER_S = 300.0


class Owner(Protocol):
    """Builds, and says how tasks are."""

    #: Whether a build sees all files that were written as one change.
    at_once: bool

    async def build(self) -> Document:
        """Build; the document of `build`."""
        ...

    async def states(self) -> dict[str, str]:
        """The state of every task."""
        ...


@dataclass(frozen=True, slots=True)
class InProcess:
    """This process owns the state."""

    workspace: Workspace
    at_once: bool = True

    async def build(self) -> Document:
        """Look at everything and build."""
        return await build(self.workspace)

    async def states(self) -> dict[str, str]:
        """Read the world."""
        return _states(opened(status_document(self.workspace.world, None, (), StatusLines())))


@dataclass(frozen=True, slots=True)
class Daemon:
    """A daemon owns the state; it may build between two writes."""

    layout: Layout
    at_once: bool = False

    async def build(self) -> Document:
        """Ask for a build, which waits for all that was saved."""
        return self._asked("build")

    async def states(self) -> dict[str, str]:
        """Ask for the status."""
        return _states(self._asked("status"))

    def _asked(self, command: str) -> Document:
        answer = ask(self.layout, command, {}, _ANSWER_S)
        assert answer is not None, "the daemon is gone"
        return answer[1]


def _states(status: Document) -> dict[str, str]:
    return {line["name"]: line["state"] for line in status["tasks"]}


@asynccontextmanager
async def in_process(root: Path) -> AsyncIterator[Owner]:
    """Own the state here."""
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        yield InProcess(workspace)


@asynccontextmanager
async def in_daemon(root: Path) -> AsyncIterator[Owner]:
    """Start a daemon, and stop it at the end."""
    _command(root, "daemon", "--detach")
    try:
        yield Daemon(Layout(root))
    finally:
        _command(root, "stop")


def _command(root: Path, *words: str) -> None:
    command = [sys.executable, "-m", "relspec.ui.cli", *words, "--project", str(root)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
