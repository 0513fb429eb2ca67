"""The warm parent: it has imported what every session needs and nothing of the user's, and forks a child for each.

It stays single-threaded and forks from its main thread: locks of other threads would stay locked in the child, and the
signal that ends a child with its parent is tied to the thread. It does the killing as well as the reaping, so a number
of a process is never used after it was given to another. What a child started dies with it, whatever group it is in.
While there are children it is looked at now and then whether one and all below it have more than they may; that one is
ended. When the daemon's end of the control socket closes, it kills all children and returns.
"""

import contextlib
import gc
import importlib
import os
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from relspec.edges.forking import CONTROL_BYTES_MAX, Exited, Forked, Kill, Report
from relspec.edges.loader.child import run_child
from relspec.edges.loader.family import adopt_orphans, children_by_parent, end, family_of, has_children, weight_mb
from relspec.edges.loader.messages import Bounds, Fork, Order, Take, Warm
from relspec.edges.loader.output import Output
from relspec.edges.loader.session import OpenEngine

_LOG = 2
#: Families are looked at so often, and more rarely where a look takes long: a twenty-fifth of a core at most.
_LOOK_S = 0.05
_LOOK_SHARE = 25
_LOOK_S_MAX = 0.5
#: Strays that were killed are waited for in steps of this; at the end so many steps.
_STRAY_S = 0.01
_STRAY_STEPS_MAX = 100


@dataclass(frozen=True, slots=True)
class _Child:
    ticket: int
    pid: int
    ended: int
    output: Output
    bounds: Bounds
    #: Why it was ended: a cause and a sentence.
    blamed: list[tuple[str, str]] = field(default_factory=list)


class Parent:
    """The loop of the warm parent."""

    def __init__(self, control: socket.socket, open_engine: OpenEngine) -> None:
        self._control = control
        self._open_engine = open_engine
        self._orders: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
        self._children: dict[int, _Child] = {}
        self._waiting: set[int] = set()
        self._selector = selectors.DefaultSelector()
        self._next_look = 0.0
        self._strays = False

    def run(self) -> None:
        """Serve until the daemon is gone; no child is left afterwards."""
        adopt_orphans()
        self._watch(self._control.fileno(), self._obey)
        try:
            while self._control.fileno() >= 0:
                for key, _ in self._selector.select(self._patience()):
                    # What came before in the same batch may have reaped the child whose output this is.
                    if key.fileobj in self._selector.get_map():
                        act: Callable[[], None] = key.data
                        act()
                self._look_after()
        except ConnectionError:
            pass
        finally:
            for child in self._children.values():
                end(child.pid)
                os.waitpid(child.pid, 0)
            self._children.clear()
            for _ in range(_STRAY_STEPS_MAX):
                if not self._end_strays():
                    break
                time.sleep(_STRAY_S)

    def _patience(self) -> float | None:
        if self._strays:
            return _STRAY_S
        return max(0.0, self._next_look - time.monotonic()) if self._n_working() else None

    def _n_working(self) -> int:
        return len(self._children) - len(self._waiting)

    def _look_after(self) -> None:
        if self._strays:
            self._strays = self._end_strays()
        if self._n_working() and time.monotonic() >= self._next_look:
            spent = time.thread_time()
            below = children_by_parent()
            for child in self._children.values():
                _check(child, family_of(child.pid, below))
            # By CPU time: on a machine that a fork bomb keeps busy a look seems to take long.
            spent = time.thread_time() - spent
            self._next_look = time.monotonic() + min(max(_LOOK_S, _LOOK_SHARE * spent), _LOOK_S_MAX)

    def _end_strays(self) -> bool:
        """Kill whoever came to us from a child that is gone; whether there is still one. Free where nobody did."""
        if not has_children():
            return False
        sessions = {child.pid for child in self._children.values()}
        strays = [pid for pid in children_by_parent().get(os.getpid(), ()) if pid not in sessions]
        for pid in strays:
            end(pid)
            os.waitpid(pid, os.WNOHANG)
        return bool(strays)

    def _obey(self) -> None:
        data, descriptors, _, _ = socket.recv_fds(self._control, CONTROL_BYTES_MAX, 1)
        if not data:
            self._selector.unregister(self._control)
            self._control.close()
            return
        match order := self._orders.decode(data):
            case Fork(ticket=ticket):
                self._fork(order, socket.socket(fileno=descriptors[0]))
                if not order.waits:
                    self._put_to_work(ticket)
            case Take(ticket=ticket):
                if ticket in self._waiting:
                    self._put_to_work(ticket)
            case Kill(ticket=ticket):
                if ticket in self._children:
                    end(self._children[ticket].pid)
            case Warm(modules=modules):
                for module in modules:
                    with contextlib.suppress(ModuleNotFoundError):
                        importlib.import_module(module)
                # As at the start: children need not look at it.
                gc.collect()
                gc.freeze()

    def _put_to_work(self, ticket: int) -> None:
        if not self._n_working():
            self._next_look = time.monotonic() + _LOOK_S
        self._waiting.discard(ticket)

    def _fork(self, order: Fork, connection: socket.socket) -> None:
        reading, writing = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_child(connection, reading, writing, parent)
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        connection.close()
        os.close(writing)
        output = Output(reading, _LOG, order.bounds.output_kb * 1024)
        child = _Child(order.ticket, pid, os.pidfd_open(pid), output, order.bounds)
        self._children[child.ticket] = child
        self._waiting.add(child.ticket)
        self._watch(child.ended, lambda: self._reap(child))
        self._watch(reading, lambda: self._pump(child))
        self._report(Forked(child.ticket, pid))

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
        # What is still in its group dies with it. Its number is still taken, because it was not waited for yet.
        end(child.pid)
        _, status = os.waitpid(child.pid, 0)
        self._selector.unregister(child.ended)
        os.close(child.ended)
        with contextlib.suppress(KeyError):
            self._selector.unregister(child.output.descriptor)
        child.output.close()
        del self._children[child.ticket]
        self._waiting.discard(child.ticket)
        self._strays = self._end_strays()
        self._report(Exited(child.ticket, status, *next(iter(child.blamed), ())))

    def _watch(self, descriptor: int, act: Callable[[], None]) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, act)

    def _report(self, report: Report) -> None:
        # A child may end in the same moment as the daemon: then there is nobody left to tell.
        if self._control.fileno() >= 0:
            self._control.send(msgspec.json.encode(report))


def _check(child: _Child, family: list[int]) -> None:
    """End a child that has more than it may, together with all below it."""
    bounds = child.bounds
    if len(family) > bounds.processes:
        message = f"it had {len(family)} processes at once; processes = {bounds.processes} under [limits] in watch.toml"
        child.blamed.append(("crash", message))
    elif (weight := weight_mb(family, bounds.memory_mb)) > bounds.memory_mb:
        message = f"with all that it started it held {weight:.0f} MB, more than python_mb and memory_mb allow together"
        child.blamed.append(("memory", message))
    else:
        return
    end(child.pid)
