"""The warm parent: it has imported what every session needs and nothing of the user's, and forks a child for each.

It stays single-threaded and forks from its main thread: locks of other threads would stay locked in the child, and the
signal that ends a child with its parent is tied to the thread. It does the killing as well as the reaping, so a number
of a process is never used after it was given to another. When the daemon's end of the control socket closes, it kills
all children and returns.
"""

import contextlib
import os
import selectors
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from relspec.edges.loader.child import run_child
from relspec.edges.loader.messages import CONTROL_BYTES_MAX, Exited, Fork, Forked, Kill, Order, Report
from relspec.edges.loader.output import Output
from relspec.edges.loader.session import OpenEngine

_LOG = 2


@dataclass(frozen=True, slots=True)
class _Child:
    ticket: int
    pid: int
    ended: int
    output: Output


class Parent:
    """The loop of the warm parent."""

    def __init__(self, control: socket.socket, open_engine: OpenEngine) -> None:
        self._control = control
        self._open_engine = open_engine
        self._orders: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Serve until the daemon is gone; no child is left afterwards."""
        self._watch(self._control.fileno(), self._obey)
        try:
            while self._control.fileno() >= 0:
                for key, _ in self._selector.select():
                    act: Callable[[], None] = key.data
                    act()
        except ConnectionError:
            pass
        finally:
            for child in list(self._children.values()):
                _kill(child)
                os.waitpid(child.pid, 0)

    def _obey(self) -> None:
        data, descriptors, _, _ = socket.recv_fds(self._control, CONTROL_BYTES_MAX, 1)
        if not data:
            self._selector.unregister(self._control)
            self._control.close()
            return
        match self._orders.decode(data):
            case Fork(ticket=ticket):
                self._fork(ticket, socket.socket(fileno=descriptors[0]))
            case Kill(ticket=ticket):
                if ticket in self._children:
                    _kill(self._children[ticket])

    def _fork(self, ticket: int, connection: socket.socket) -> None:
        reading, writing = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_child(connection, reading, writing, parent)
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        connection.close()
        os.close(writing)
        child = _Child(ticket, pid, os.pidfd_open(pid), Output(reading, _LOG))
        self._children[ticket] = child
        self._watch(child.ended, lambda: self._reap(child))
        self._watch(reading, lambda: self._pump(child))
        self._report(Forked(ticket, pid))

    def _become_child(self, connection: socket.socket, reading: int, writing: int, parent: int) -> None:
        """Let go of everything of the parent's, and never return."""
        try:
            os.setpgid(0, 0)
            self._control.close()
            self._selector.close()
            for other in self._children.values():
                os.close(other.ended)
                os.close(other.output.descriptor)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for source, target in ((nothing, 0), (writing, 1), (writing, 2)):
                os.dup2(source, target)
            for descriptor in (nothing, reading, writing):
                os.close(descriptor)
            run_child(connection, parent, self._open_engine)
        finally:
            os._exit(1)

    def _pump(self, child: _Child) -> None:
        if not child.output.pump():
            self._selector.unregister(child.output.descriptor)

    def _reap(self, child: _Child) -> None:
        # What the child started dies with it. Its number is still taken, because it was not waited for yet.
        _kill(child)
        _, status = os.waitpid(child.pid, 0)
        self._selector.unregister(child.ended)
        os.close(child.ended)
        with contextlib.suppress(KeyError):
            self._selector.unregister(child.output.descriptor)
        child.output.close()
        del self._children[child.ticket]
        self._report(Exited(child.ticket, status))

    def _watch(self, descriptor: int, act: Callable[[], None]) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, act)

    def _report(self, report: Report) -> None:
        self._control.send(msgspec.json.encode(report))


def _kill(child: _Child) -> None:
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(child.pid, signal.SIGKILL)
