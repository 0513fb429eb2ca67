"""`stop`: end the daemon of this project, and wait until it is gone."""

import os
import select
from argparse import ArgumentParser

from relspec.core.errors import DaemonLostError, NoDaemonError
from relspec.core.layout import Layout
from relspec.edges.ask import Document, ask
from relspec.ui.cli.call import Call, Outcome, outcome_of

#: Work that is going on is ended, not finished, so neither takes long.
_ANSWER_S = 10.0
_END_S = 30.0


def arguments(_parser: ArgumentParser) -> None:
    """Declare nothing."""


def run(call: Call) -> Outcome:
    """Ask the daemon to end. Raises NoDaemonError where there is none, DaemonLostError when it does not end."""
    layout = call.layout()
    pid = _pid(layout)
    watched = _opened(pid)
    try:
        reply = _stopped(layout, pid)
        if watched is not None and not select.select([watched], [], [], _END_S)[0]:
            raise DaemonLostError(f"the daemon (pid {pid}) still runs {_END_S:g} s after it was asked to stop")
    finally:
        if watched is not None:
            os.close(watched)
    return outcome_of(layout, reply, lambda *_: [f"stopped (pid {pid})"])


def _pid(layout: Layout) -> int:
    reply = ask(layout, "ping", {}, _ANSWER_S)
    if reply is None:
        raise NoDaemonError(f"no daemon runs for {layout.root}")
    return int(reply[1]["pid"])


def _opened(pid: int) -> int | None:
    """Hold the process itself, not its number: numbers are used again, and it tells when it ends."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None  # It is gone already, or lives in another container: its word has to do.


def _stopped(layout: Layout, pid: int) -> tuple[int, Document]:
    try:
        reply = ask(layout, "stop", {}, _ANSWER_S)
    except DaemonLostError as error:
        error.hint = f"end it with `kill {pid}`"
        raise
    return reply or (0, {"pid": pid})
