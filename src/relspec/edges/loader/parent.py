"""The warm parent: it has imported what every session needs and nothing of the user's, and forks a child for each.

What a child started dies with it, whatever group it is in. While there are children it is looked at now and then
whether one and all below it have more than they may; that one is ended. When the daemon's end of the control socket
closes, it kills all children and returns.
"""

import contextlib
import functools
import gc
import importlib
import os
import socket
import time
from collections.abc import Sequence
from typing import NoReturn

import msgspec

from relspec.edges.forking import TOO_MANY_FILES, Exited, Kill
from relspec.edges.forks import Forks, end
from relspec.edges.loader.child import run_child
from relspec.edges.loader.family import adopt_orphans, children_by_parent, family_of, has_children, weight_mb
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


class _Child(msgspec.Struct, frozen=True):
    output: Output
    bounds: Bounds
    #: Why it was ended: a cause and a sentence.
    blamed: list[tuple[str, str]] = msgspec.field(default_factory=list)


class Parent:
    """The loop of the warm parent."""

    def __init__(self, control: socket.socket, open_engine: OpenEngine) -> None:
        self._open_engine = open_engine
        self._orders: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
        self._forks = Forks(control, self._obey)
        self._children: dict[int, _Child] = {}
        self._waiting: set[int] = set()
        self._next_look = 0.0
        self._strays = False
        self._to_import: list[str] = []

    def run(self) -> None:
        """Serve until the daemon is gone; no child is left afterwards."""
        adopt_orphans()
        try:
            while self._forks.turn(self._patience()):
                self._look_after()
        finally:
            self._forks.close()
            for _ in range(_STRAY_STEPS_MAX):
                if not self._end_strays():
                    break
                time.sleep(_STRAY_S)

    def _patience(self) -> float | None:
        if self._may_import():
            return 0.0
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
            # Where no file can be opened, one may be at the next look.
            with contextlib.suppress(OSError):
                self._check_all()
            # By CPU time: on a machine that a fork bomb keeps busy a look seems to take long.
            spent = time.thread_time() - spent
            self._next_look = time.monotonic() + min(max(_LOOK_S, _LOOK_SHARE * spent), _LOOK_S_MAX)
        if self._may_import():
            self._import_one()

    def _may_import(self) -> bool:
        # Meanwhile nobody would look after those that work, nor reap one.
        return bool(self._to_import) and not self._n_working()

    def _import_one(self) -> None:
        # An extractor that needs one which is broken says so itself.
        with contextlib.suppress(Exception):
            importlib.import_module(self._to_import.pop(0))
        if not self._to_import:
            # As at the start: children need not look at it.
            gc.collect()
            gc.freeze()

    def _check_all(self) -> None:
        below = children_by_parent()
        for ticket, pid in self._forks.pids():
            _check(self._children[ticket], family_of(pid, below))
            if self._children[ticket].blamed:
                self._forks.kill(ticket)

    def _end_strays(self) -> bool:
        """Kill whoever came to us from a child that is gone; whether there may be another. Free where nobody did."""
        if not has_children():
            return False
        sessions = {pid for _, pid in self._forks.pids()}
        try:
            ours = children_by_parent().get(os.getpid(), ())
        except OSError:
            return True  # No file can be opened: at the next look one may be.
        strays = [pid for pid in ours if pid not in sessions]
        for pid in strays:
            end(pid)
            os.waitpid(pid, os.WNOHANG)
        return bool(strays)

    def _obey(self, message: bytes, descriptors: Sequence[int]) -> None:
        match order := self._orders.decode(message):
            case Fork(ticket=ticket) if not descriptors:
                self._forks.refuse(ticket, TOO_MANY_FILES)
            case Fork(ticket=ticket):
                # It is wanted with all of it; for one that is wanted at once there is the child that waits.
                while self._may_import():
                    self._import_one()
                with socket.socket(fileno=descriptors[0]) as connection:
                    self._fork(order, connection)
                if not order.waits:
                    self._put_to_work(ticket)
            case Take(ticket=ticket):
                if ticket in self._waiting:
                    self._put_to_work(ticket)
            case Kill(ticket=ticket):
                self._forks.kill(ticket)
            case Warm(modules=modules):
                self._to_import += modules

    def _put_to_work(self, ticket: int) -> None:
        if not self._n_working():
            self._next_look = time.monotonic() + _LOOK_S
        self._waiting.discard(ticket)

    def _fork(self, order: Fork, connection: socket.socket) -> None:
        ticket = order.ticket
        try:
            reading, writing = os.pipe()
        except OSError as error:
            self._forks.refuse(ticket, error)
            return
        child = _Child(Output(reading, _LOG, order.bounds.output_kb * 1024), order.bounds)
        become = functools.partial(self._become_session, connection, reading, writing, os.getpid())
        forked = self._watched(ticket, child) and self._forks.fork(ticket, become, lambda: self._reap(ticket))
        os.close(writing)
        if forked:
            self._children[ticket] = child
            self._waiting.add(ticket)
        else:
            self._forks.unwatch(reading)
            child.output.close()

    def _watched(self, ticket: int, child: _Child) -> bool:
        try:
            self._forks.watch(child.output.descriptor, lambda: self._pump(child))
        except OSError as error:
            self._forks.refuse(ticket, error)
            return False
        return True

    def _become_session(self, connection: socket.socket, reading: int, writing: int, parent: int) -> NoReturn:
        for other in self._children.values():
            os.close(other.output.descriptor)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (writing, 1), (writing, 2)):
            os.dup2(source, target)
        for descriptor in (nothing, reading, writing):
            os.close(descriptor)
        run_child(connection, parent, self._open_engine)

    def _pump(self, child: _Child) -> None:
        if not child.output.pump():
            self._forks.unwatch(child.output.descriptor)

    def _reap(self, ticket: int) -> None:
        status = self._forks.reaped(ticket)
        child = self._children.pop(ticket)
        self._waiting.discard(ticket)
        self._forks.unwatch(child.output.descriptor)
        child.output.close()
        self._strays = self._end_strays()
        self._forks.report(Exited(ticket, status, *next(iter(child.blamed), ())))


def _check(child: _Child, family: list[int]) -> None:
    """Blame a child that has more than it may, together with all below it."""
    bounds = child.bounds
    if len(family) > bounds.processes:
        message = f"it had {len(family)} processes at once; processes = {bounds.processes} under [limits] in watch.toml"
        child.blamed.append(("crash", message))
    elif (weight := weight_mb(family, bounds.memory_mb)) > bounds.memory_mb:
        message = f"with all that it started it held {weight:.0f} MB, more than python_mb and memory_mb allow together"
        child.blamed.append(("memory", message))
