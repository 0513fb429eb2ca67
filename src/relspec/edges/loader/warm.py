"""The warm parent as the daemon sees it: started, asked for children, told to kill one, ended.

Control messages are single datagrams. They are sent straight on the socket, which never blocks for so few bytes, and
read by the event loop. When the parent dies, all its children count as dead.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from relspec.core.errors import WorkerError
from relspec.edges.loader.family import end_marked
from relspec.edges.loader.messages import (
    CONTROL_BYTES_MAX,
    Bounds,
    Exited,
    Fork,
    Forked,
    Kill,
    Order,
    Report,
    Take,
    Warm,
)

#: How long the parent may take to be warm and to fork, on a machine that is busy with other things.
START_S = 60.0
#: An end that takes longer is made.
END_S = 0.5

#: Stands for the wait status of a child whose parent ended first.
PARENT_GONE = -1

#: Names a parent in the environment of all processes below it, where its own end leaves them without one.
_MARK = "RELSPEC_LOADER"

#: One thread, so that forking is safe; one seed, so that what is emitted in set order is the same in every process.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # Of pyarrow's allocator.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUTF8": "1",
    "LC_ALL": "C.UTF-8",
}


class WarmParent:
    """A running parent process; made by `start` within a running event loop."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", control: socket.socket, mark: str, gone: Callable[[], None]
    ) -> None:
        self._process = process
        self._gone = gone
        self._mark = mark
        self._control = control
        self._reports: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)
        self._tickets = 0
        self._was_warm = False
        self._forked: dict[int, asyncio.Future[int]] = {}
        self._exited: dict[int, asyncio.Future[Exited]] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(control.fileno(), self._hear)

    @classmethod
    def start(cls, module: str, timezone: str, gone: Callable[[], None]) -> "WarmParent":
        """Start the program `module`; it becomes warm while nobody waits for it.

        `gone` is called when no more children can be had of one that was warm.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            try:
                mark = uuid.uuid4().hex
                process = _spawn(module, theirs.fileno(), {"TZ": timezone, _MARK: mark})
            except BaseException:
                ours.close()
                raise
        return cls(process, ours, mark, gone)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether children can be had of it."""
        return self._control.fileno() >= 0

    async def fork(
        self, connection: socket.socket, bounds: Bounds, *, waits: bool
    ) -> tuple[int, asyncio.Future[Exited]]:
        """Have a child serve `connection`: its ticket, and the future of its end. Raises WorkerError."""
        self._tickets += 1
        ticket = self._tickets
        self._exited[ticket] = self._loop.create_future()
        forked = self._forked[ticket] = self._loop.create_future()
        try:
            self._order(Fork(ticket, bounds, waits), connection)
            async with asyncio.timeout(START_S):
                await forked
        except TimeoutError as error:
            self.kill(ticket)
            raise WorkerError("timeout", f"the loader was not ready after {START_S:.0f} s") from error
        except BaseException:
            self.kill(ticket)
            raise
        finally:
            self._forked.pop(ticket, None)
        return ticket, self._exited[ticket]

    def take(self, ticket: int) -> None:
        """Put a child to work that waited; nothing happens when it is gone."""
        if self.alive and ticket in self._exited:
            with contextlib.suppress(WorkerError):
                self._order(Take(ticket))

    def kill(self, ticket: int) -> None:
        """End a child now; nothing happens when it is gone."""
        if self.alive and ticket in self._exited:
            with contextlib.suppress(WorkerError):
                self._order(Kill(ticket))

    def warm(self, *modules: str) -> None:
        """Have it import modules; who asks for a child meanwhile waits for that. Nothing happens when it is gone."""
        if self.alive:
            with contextlib.suppress(WorkerError):
                self._order(Warm(modules))

    async def end(self) -> None:
        """End the parent and all children, and reap it."""
        self._hang_up()
        try:
            async with asyncio.timeout(END_S):
                await _exit_of(self._process)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await _exit_of(self._process)
        if self._process.returncode != 0:
            # It did not come to end what task code had started.
            await asyncio.to_thread(end_marked, _MARK, self._mark)

    def _order(self, order: Order, *connections: socket.socket) -> None:
        try:
            socket.send_fds(self._control, [msgspec.json.encode(order)], [c.fileno() for c in connections])
        except OSError as error:
            self._hang_up()
            raise WorkerError("crash", "the loader's process is gone; the next build starts another") from error

    def _hear(self) -> None:
        try:
            data = self._control.recv(CONTROL_BYTES_MAX)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self._hang_up()
            return
        match self._reports.decode(data):
            case Forked(ticket=ticket, pid=pid):
                self._was_warm = True
                _settle(self._forked.get(ticket), pid)
            case Exited(ticket=ticket) as report:
                _settle(self._exited.pop(ticket, None), report)

    def _hang_up(self) -> None:
        if not self.alive:
            return
        self._loop.remove_reader(self._control.fileno())
        self._control.close()
        for forked in self._forked.values():
            if not forked.done():
                forked.set_exception(WorkerError("crash", "the loader's process ended; the next build starts another"))
        for ticket, exited in self._exited.items():
            _settle(exited, Exited(ticket, PARENT_GONE))
        self._exited.clear()
        if self._was_warm:
            self._gone()


def _spawn(module: str, descriptor: int, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        # -P: a file `ibis.py` in the user's directory is not the module that we mean.
        [sys.executable, "-P", "-m", module, str(descriptor)],
        stdin=subprocess.DEVNULL,
        # What user code prints goes to the log: standard output belongs to the answers of commands.
        stdout=2,
        pass_fds=(descriptor,),
        env={**os.environ, **_ENVIRONMENT, **environment},
        process_group=0,
    )


def _settle(future: "asyncio.Future[Any] | None", value: object) -> None:
    if future is not None and not future.done():
        future.set_result(value)


async def _exit_of(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    descriptor = os.pidfd_open(process.pid)
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()
    loop.add_reader(descriptor, _settle, ended, 0)
    try:
        await ended
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    process.wait()
