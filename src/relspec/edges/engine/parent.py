"""The process that engines are forked from: it has imported what they need, and opens no database itself.

It stays single-threaded and forks from its main thread: locks of other threads would stay locked in the child, and the
signal that ends a child with its parent is tied to the thread. It reaps its children and says how they ended. When the
daemon's end of the control socket closes, it kills them all and returns.
"""

import os
import selectors
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import msgspec

from relspec.edges.engine.protocol import Fork, Launch, Order
from relspec.edges.forking import CONTROL_BYTES_MAX, Exited, Forked, Kill, Report

#: Serves a connection as an engine, in the process that was forked for it.
Serve = Callable[[socket.socket, Launch, int], NoReturn]


@dataclass(frozen=True, slots=True)
class _Child:
    ticket: int
    pid: int
    ended: int


class Parent:
    """The loop of the process."""

    def __init__(self, control: socket.socket, serve: Serve) -> None:
        self._control = control
        self._serve = serve
        self._orders: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Serve until the daemon is gone; no child is left afterwards."""
        self._selector.register(self._control, selectors.EVENT_READ, self._obey)
        try:
            while self._control.fileno() >= 0:
                for key, _ in self._selector.select():
                    act: Callable[[], None] = key.data
                    act()
        except ConnectionError:
            pass
        finally:
            for child in self._children.values():
                os.kill(child.pid, signal.SIGKILL)
                os.waitpid(child.pid, 0)

    def _obey(self) -> None:
        data, descriptors, _, _ = socket.recv_fds(self._control, CONTROL_BYTES_MAX, 2)
        if not data:
            self._selector.unregister(self._control)
            self._control.close()
            return
        match order := self._orders.decode(data):
            case Fork():
                self._fork(order, descriptors)
            case Kill(ticket=ticket):
                if ticket in self._children:
                    # It was not waited for, so its number is still its own.
                    os.kill(self._children[ticket].pid, signal.SIGKILL)

    def _fork(self, order: Fork, descriptors: Sequence[int]) -> None:
        parent = os.getpid()
        try:
            pid = os.fork()
            if pid == 0:
                self._become_child(order.launch, descriptors, parent)
        except OSError as error:
            self._report(Exited(order.ticket, 0, "crash", f"no engine process can be forked: {error.strerror}"))
            return
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        child = _Child(order.ticket, pid, os.pidfd_open(pid))
        self._children[child.ticket] = child
        self._selector.register(child.ended, selectors.EVENT_READ, lambda: self._reap(child))
        self._report(Forked(child.ticket, pid), child.ended)

    def _become_child(self, launch: Launch, descriptors: Sequence[int], parent: int) -> NoReturn:
        """Let go of everything of the parent's, and never return."""
        try:
            os.setpgid(0, 0)
            self._control.close()
            self._selector.close()
            for other in self._children.values():
                os.close(other.ended)
            connection, complaints = descriptors
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1)
            os.dup2(complaints, 2)
            os.close(nothing)
            os.close(complaints)
            self._serve(socket.socket(fileno=connection), launch, parent)
        finally:
            os._exit(1)

    def _reap(self, child: _Child) -> None:
        _, status = os.waitpid(child.pid, 0)
        self._selector.unregister(child.ended)
        os.close(child.ended)
        del self._children[child.ticket]
        self._report(Exited(child.ticket, status))

    def _report(self, report: Report, *descriptors: int) -> None:
        # A child may end in the same moment as the daemon: then there is nobody left to tell.
        if self._control.fileno() >= 0:
            socket.send_fds(self._control, [msgspec.json.encode(report)], descriptors)
