"""The life of a session's process, from the fork to its end: settle in, answer requests, never return.

The process holds its connection and its output and nothing else of the parent. It ends when the connection does, when
the parent dies, and always without running what user code may have left for the end of the interpreter.
"""

import contextlib
import io
import os
import resource
import socket
import sys
import threading
import traceback
from typing import Any, NoReturn

from relspec.core.plan import FileUse
from relspec.edges.loader.family import adopt_orphans, data_mb, n_tasks
from relspec.edges.loader.messages import CONNECTION_LOST, Answer, Configure, Fault, Noted, Reply, Request
from relspec.edges.loader.session import OpenEngine, Runner, Session
from relspec.edges.loader.snapshot import Note
from relspec.edges.loader.surroundings import Surroundings
from relspec.edges.parentage import die_with_parent
from relspec.edges.wire import Channel, WireError

_MEGABYTE = 1 << 20
#: What libraries of ours hold that are imported later, beside what is there from the start.
_LATER_MB = 208
#: Threads count as processes to the system, and others of the same user may start some meanwhile.
_THREADS_EACH = 8


def run_child(connection: socket.socket, parent: int, open_engine: OpenEngine) -> NoReturn:
    """Serve a session on `connection`; for a process that was just forked from `parent`."""
    try:
        die_with_parent()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        adopt_orphans()
        # A parent that died before this point sends no signal any more.
        if os.getppid() == parent:
            _serve(Channel(connection, Request), open_engine, connection.fileno())
    except (WireError, OSError):
        os._exit(CONNECTION_LOST)
    except BaseException:  # noqa: BLE001 - user code can break what we are made of; that it did goes to the log.
        with contextlib.suppress(BaseException):
            traceback.print_exc()
        os._exit(1)
    finally:
        os._exit(0)


def _serve(channel: Channel[Request, Reply], open_engine: OpenEngine, descriptor: int) -> None:
    own = os.getpid()
    project = channel.receive()
    assert isinstance(project, Configure)
    # What is printed before a sudden end is worth reading.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    session = Session(project, _bounded(project, open_engine), _note_on(channel))
    surroundings = Surroundings((0, 1, 2, descriptor))
    request = channel.receive()
    # Only now: it may have waited for long, and the others of the machine count.
    _bound_processes(project)
    while True:
        assert not isinstance(request, Configure)
        answer = _answer(session, request)
        # User code may have forked: a copy of us must not answer as well.
        if os.getpid() != own:
            return
        _send(channel, Reply(answer, surroundings.spoilt()))
        if isinstance(answer, Fault):
            return
        request = channel.receive()


def _note_on(channel: Channel[Request, Reply]) -> Note:
    """Send notes; threads and copies of us that user code made would write into what is being sent."""
    own = os.getpid()

    def note(files: tuple[FileUse, ...], imports: tuple[str, ...]) -> None:
        if os.getpid() == own and threading.current_thread() is threading.main_thread():
            # Where the connection is gone, or a name is no text, the answer will say so.
            with contextlib.suppress(OSError, ValueError):
                channel.send(Reply(Noted(files, imports), None))

    return note


def _bounded(project: Configure, open_engine: OpenEngine) -> OpenEngine:
    """Bound what Python code may hold; opening the engine adds what that may hold, doubled: it counts only in part."""
    python = (data_mb() + _LATER_MB + project.python_mb) * _MEGABYTE
    whole = python + 2 * project.memory_mb * _MEGABYTE
    resource.setrlimit(resource.RLIMIT_DATA, (python, whole))

    def opened(*arguments: Any) -> Runner:
        resource.setrlimit(resource.RLIMIT_DATA, (whole, whole))
        return open_engine(*arguments)

    return opened


def _bound_processes(project: Configure) -> None:
    n_max = n_tasks() + _THREADS_EACH * project.processes
    _, most = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (n_max if most == resource.RLIM_INFINITY else min(n_max, most), most))


def _send(channel: Channel[Request, Reply], reply: Reply) -> None:
    try:
        channel.send(reply)
    except (ValueError, TypeError, MemoryError) as error:
        # A text of the user's that is none, such as half a surrogate pair, or an answer that is too large.
        fault = Fault(f"its answer cannot be sent: {error!a}", memory=isinstance(error, MemoryError))
        channel.send(Reply(fault, None))


def _answer(session: Session, request: object) -> Answer:
    try:
        return session.answer(request)  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001 - whatever it is, the daemon has to hear of it before we end.
        return Fault(f"{error!a}\n{''.join(traceback.format_exception(error)[-4:])}", memory=False)
