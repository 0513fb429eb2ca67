"""How a child ended that was not meant to, as what is said of the task that it worked for."""

import os
import signal

from relspec.core.errors import WorkerError
from relspec.edges.forking import PARENT_GONE, Exited
from relspec.edges.loader.messages import CONNECTION_LOST
from relspec.edges.signals import signal_name


def death_of(exited: Exited | None) -> WorkerError:
    """Say how a child ended that was not meant to."""
    if exited is None:
        return WorkerError("crash", "task code closed its process's connection to relspec-watch")
    if exited.cause is not None:
        return WorkerError(exited.cause, exited.message)
    return WorkerError(*_words_of(exited.status))


def _words_of(status: int) -> tuple[str, str]:
    if status == PARENT_GONE:
        return "crash", "the process that all task code is forked from ended; the next call starts another"
    code = os.waitstatus_to_exitcode(status)
    if code == CONNECTION_LOST:
        return "crash", "task code closed or replaced its process's connection to relspec-watch"
    if code == -signal.SIGKILL:
        return "memory", "its process was killed from outside, as a system does that runs out of memory"
    return (
        "crash",
        f"its process ended by {signal_name(-code)}" if code < 0 else f"its process ended with exit status {code}",
    )
