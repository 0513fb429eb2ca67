"""The children of a process that others are forked from, and the connection to the daemon that asks for them.

The process has one thread and forks from it: locks of other threads would stay locked in the child, and the signal that
ends a child with its parent is tied to the thread. It does the reaping, and kills what it has not reaped yet, so a
number of a process is never used after it was given to another.
"""

import contextlib
import os
import selectors
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

import msgspec

from relspec.edges.forking import CONTROL_BYTES_MAX, DESCRIPTORS_MAX, Forked, Refused, Report


class _Child(msgspec.Struct, frozen=True):
    pid: int
    ended: int


class Forks:
    """The children by their tickets.

    `obey` is called with each message of the daemon's and the descriptors that came with it, which are its own then:
    all of them, or none where there was no room.
    """

    def __init__(self, control: socket.socket, obey: Callable[[bytes, Sequence[int]], None]) -> None:
        self._control = control
        self._obey = obey
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self.watch(control.fileno(), self._hear)

    def turn(self, patience_s: float | None = None) -> bool:
        """Wait for something and act on all that there is; whether the daemon's end is still open."""
        with contextlib.suppress(ConnectionError):
            for key, _ in self._selector.select(patience_s):
                # What came before in the same batch may have let go of this, and its number be another's by now.
                if self._selector.get_map().get(key.fd) is key:
                    act: Callable[[], None] = key.data
                    act()
            return self._control.fileno() >= 0
        return False

    def watch(self, descriptor: int, act: Callable[[], None]) -> None:
        """Have something done whenever a descriptor can be read."""
        self._selector.register(descriptor, selectors.EVENT_READ, act)

    def unwatch(self, descriptor: int) -> None:
        """Take that back; nothing happens where it was."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(descriptor)

    def fork(self, ticket: int, become: Callable[[], NoReturn], reap: Callable[[], None]) -> bool:
        """Fork a child, in a group of its own, that holds nothing of this class; report it, or that it found no room.

        `reap` is called once it ended, and has to call `reaped`; not where all are ended by `close`.
        """
        try:
            child = self._children[ticket] = self._forked(become, reap)
        except OSError as error:
            self.refuse(ticket, error)
            return False
        self.report(Forked(ticket, child.pid), child.ended)
        return True

    def _forked(self, become: Callable[[], NoReturn], reap: Callable[[], None]) -> _Child:
        pid = os.fork()
        if pid == 0:
            self._become(become)
        # Both do it, so that it is done whoever goes first.
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        ended: int | None = None
        try:
            ended = os.pidfd_open(pid)
            self.watch(ended, reap)
        except OSError:
            if ended is not None:
                os.close(ended)
            end(pid)
            os.waitpid(pid, 0)
            raise
        return _Child(pid, ended)

    def _become(self, become: Callable[[], NoReturn]) -> NoReturn:
        try:
            os.setpgid(0, 0)
            self._control.close()
            self._selector.close()
            for other in self._children.values():
                os.close(other.ended)
            become()
        finally:
            os._exit(1)

    def refuse(self, ticket: int, error: OSError) -> None:
        """Report that there is no room for a child."""
        self.report(Refused(ticket, error.strerror or str(error)))

    def pids(self) -> Iterator[tuple[int, int]]:
        """Name ticket and process of each child that was not reaped yet."""
        return ((ticket, child.pid) for ticket, child in self._children.items())

    def kill(self, ticket: int) -> None:
        """End a child and its group; nothing happens when it was reaped."""
        if ticket in self._children:
            end(self._children[ticket].pid)

    def reaped(self, ticket: int) -> int:
        """Reap a child, with what is still in its group, and give its wait status."""
        child = self._children[ticket]
        # Its number is still its own, because it was not waited for yet.
        end(child.pid)
        _, status = os.waitpid(child.pid, 0)
        self.unwatch(child.ended)
        os.close(child.ended)
        del self._children[ticket]
        return status

    def report(self, report: Report, *descriptors: int) -> None:
        """Tell the daemon; a child may end in the same moment, and then there is nobody left to tell."""
        if self._control.fileno() >= 0:
            socket.send_fds(self._control, [msgspec.json.encode(report)], descriptors)

    def close(self) -> None:
        """End and reap all children."""
        for _, pid in self.pids():
            end(pid)
        for ticket in tuple(self._children):
            self.reaped(ticket)
        self._selector.close()

    def _hear(self) -> None:
        data, descriptors, flags, _ = socket.recv_fds(self._control, CONTROL_BYTES_MAX, DESCRIPTORS_MAX)
        if flags & socket.MSG_CTRUNC:
            # This process has as many files open as it may: what came was dropped, in part or all.
            for descriptor in descriptors:
                os.close(descriptor)
            descriptors = []
        if data:
            self._obey(data, descriptors)
        else:
            self.unwatch(self._control.fileno())
            self._control.close()


def end(pid: int) -> None:
    """Kill a process, and the group that it leads if it leads one."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
