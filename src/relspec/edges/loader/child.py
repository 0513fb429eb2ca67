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
import traceback
from typing import NoReturn

from relspec.edges.loader.messages import Answer, Configure, Fault, Request
from relspec.edges.loader.session import OpenEngine, Session
from relspec.edges.parentage import die_with_parent
from relspec.edges.wire import Channel, WireError

_MEGABYTE = 1 << 20
#: Besides what the engine may use: the interpreter, and what Python code holds.
_PYTHON_MB = 1024


def run_child(connection: socket.socket, parent: int, open_engine: OpenEngine) -> NoReturn:
    """Serve a session on `connection`; for a process that was just forked from `parent`."""
    try:
        die_with_parent()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        # A parent that died before this point sends no signal any more.
        if os.getppid() == parent:
            with contextlib.suppress(WireError, ConnectionError):
                _serve(Channel(connection, Request), open_engine)
    finally:
        os._exit(0)


def _serve(channel: Channel[Request, Answer], open_engine: OpenEngine) -> None:
    own = os.getpid()
    project = channel.receive()
    assert isinstance(project, Configure)
    limit = (2 * project.memory_mb + _PYTHON_MB) * _MEGABYTE
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    # What is printed before a sudden end is worth reading.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    session = Session(project, open_engine)
    while True:
        request = channel.receive()
        assert not isinstance(request, Configure)
        answer = _answer(session, request)
        # User code may have forked: a copy of us must not answer as well.
        if os.getpid() != own:
            return
        channel.send(answer)
        if isinstance(answer, Fault):
            return


def _answer(session: Session, request: object) -> Answer:
    try:
        return session.answer(request)  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001 - whatever it is, the daemon has to hear of it before we end.
        return Fault(f"{error!r}\n{''.join(traceback.format_exception(error)[-4:])}", memory=False)
