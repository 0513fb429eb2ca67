"""The process that engines are forked from: it has imported what they need, and opens no database itself.

When the daemon's end of the control socket closes, it kills them all and returns.
"""

import functools
import os
import socket
from collections.abc import Callable, Sequence
from typing import NoReturn

import msgspec

from relspec.edges.engine.protocol import Fork, Launch, Order
from relspec.edges.forking import TOO_MANY_FILES, Exited, Kill
from relspec.edges.forks import Forks

#: Serves a connection as an engine, in the process that was forked for it.
Serve = Callable[[socket.socket, Launch, int], NoReturn]


class Parent:
    """The loop of the process."""

    def __init__(self, control: socket.socket, serve: Serve) -> None:
        self._serve = serve
        self._orders: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
        self._forks = Forks(control, self._obey)

    def run(self) -> None:
        """Serve until the daemon is gone; no child is left afterwards."""
        try:
            while self._forks.turn():
                pass
        finally:
            self._forks.close()

    def _obey(self, message: bytes, descriptors: Sequence[int]) -> None:
        match order := self._orders.decode(message):
            case Fork(ticket=ticket) if not descriptors:
                self._forks.refuse(ticket, TOO_MANY_FILES)
            case Fork(ticket=ticket):
                become = functools.partial(self._become_engine, order.launch, descriptors, os.getpid())
                self._forks.fork(ticket, become, lambda: self._reap(ticket))
                for descriptor in descriptors:
                    os.close(descriptor)
            case Kill(ticket=ticket):
                self._forks.kill(ticket)

    def _become_engine(self, launch: Launch, descriptors: Sequence[int], parent: int) -> NoReturn:
        connection, complaints = descriptors
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(complaints, 2)
        os.close(nothing)
        os.close(complaints)
        self._serve(socket.socket(fileno=connection), launch, parent)

    def _reap(self, ticket: int) -> None:
        self._forks.report(Exited(ticket, self._forks.reaped(ticket)))
