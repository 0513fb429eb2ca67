"""The daemon's process: an opened project, its watch, its door and its log around one loop, until it is told to end."""

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, nullcontext
from pathlib import Path

import uvloop

from relspec.app.answers import Answers
from relspec.app.daemon import Daemon
from relspec.app.machine import RealMachine
from relspec.app.signals import INTERRUPTED, Ending
from relspec.app.told import Told
from relspec.app.workspace import StateLostError, Workspace, open_workspace
from relspec.core.errors import StateBusyError, StateError
from relspec.core.layout import Layout
from relspec.core.progress import Progress
from relspec.core.trace import NoTrace, Trace
from relspec.edges.api import serve
from relspec.edges.engine.pool import Start
from relspec.edges.journal import Journal
from relspec.edges.supervisor import Supervisor
from relspec.edges.trace import TraceFile

#: Deleting a project or its state takes so long, up to which nothing is made anew or believed to have failed.
LOST_S = 1.0


async def _serve(layout: Layout, told: Told, ending: Ending, trace: Trace) -> None:
    machine = RealMachine(layout, Start.AHEAD, trace)
    async with AsyncExitStack() as stack:
        with _unswept():
            workspace = await stack.enter_async_context(open_workspace(layout, told, machine))
        await stack.enter_async_context(_seen_as_lost(workspace))
        told.began(layout)
        settings = workspace.world.settings.watch
        watcher = await stack.enter_async_context(workspace.machine.watcher(settings, workspace.files.directories))
        daemon = Daemon(workspace, watcher, told)
        ending.tell(daemon.stop)
        answers = Answers(workspace, pid=os.getpid(), owner=daemon)
        async with serve(layout, answers.answer), told.supervised():
            await daemon.run()
        told.ended("interrupted" if ending.interrupted else "asked to")


@contextlib.contextmanager
def _unswept() -> Iterator[None]:
    """Keep Python from looking for garbage where a whole project comes into being, and from then on in what came.

    A start of 10,000 tasks spends a third of its time on that, and each tenth save another 50 ms.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextlib.asynccontextmanager
async def _seen_as_lost(workspace: Workspace) -> AsyncIterator[None]:
    """Take any failure for a lost state where it is lost: while it is deleted, its files fail us one by one."""
    try:
        yield
    except StateLostError:
        raise
    except Exception:
        await asyncio.sleep(LOST_S)
        workspace.check()
        raise


async def _serve_on(layout: Layout, told: Told, let_go: Callable[[], None], trace: Trace) -> int:
    ending = Ending(let_go)
    while True:
        try:
            await _serve(layout, told, ending, trace)
        except StateLostError as error:
            await _still_there(layout)
            told.lost(str(error))
            continue  # Whoever deleted the state wants it made anew.
        except StateBusyError:
            raise  # The log is that of the daemon that runs.
        except BaseException as error:
            told.ended("failed", error)
            raise
        return INTERRUPTED if ending.interrupted else 0


async def _still_there(layout: Layout) -> None:
    """Raise StateError when the project went with its state: a daemon belongs to a path, not to what was moved."""
    # Whoever deletes a whole project may come by `state` first, and must not find a new one in a folder that is to go.
    await asyncio.sleep(LOST_S)
    if not layout.root.is_dir():
        raise StateError(f"the project {layout.root} was deleted or moved away, so its daemon ends")


def run(
    layout: Layout, listener: Callable[[Progress], None], let_go: Callable[[], None], trace: Path | None = None
) -> int:
    """Run the daemon in this process until it is stopped; the exit code: 130 after Ctrl-C, else 0.

    A second Ctrl-C ends the process at once, after a call of `let_go`. Where time goes is written to `trace`.
    """
    with Journal(layout) as journal, nullcontext(NoTrace()) if trace is None else TraceFile(trace) as spans:
        told = Told(listener, journal, Supervisor.of(os.environ))
        # Written in C: a question to an engine takes the daemon 30 us of CPU and not 110.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_serve_on(layout, told, let_go, spans))
