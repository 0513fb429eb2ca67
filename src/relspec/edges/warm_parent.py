"""A warm parent as the daemon sees it: started, asked for children, told to kill one, ended.

It is a process that has imported what its children need, and forks them: a child is there within a few milliseconds,
and shares the memory of what was imported with all others.

Control messages are single datagrams. They are sent straight on the socket, which never blocks for so few bytes, and
read by the event loop. When the parent dies, all its children count as dead.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import msgspec

from relspec.core.errors import WorkerError
from relspec.edges.forking import (
    CONTROL_BYTES_MAX,
    DESCRIPTORS_MAX,
    PARENT_GONE,
    TOO_MANY_FILES,
    Exited,
    Failed,
    Forked,
    Kill,
    Refused,
    Report,
)
from relspec.edges.process_handle import ProcessHandle

#: How long a call waits for a child, on a machine that is busy with other things.
START_S = 60.0
#: A warm parent that has not answered for so long is given up, and one that is not warm yet only after the second.
#: Who waited for it may be another each time.
_SILENT_S = START_S
_COLD_S = 5 * START_S
#: A call waits so long at least: the answer may be there, and the daemon itself may have been stopped meanwhile.
_GRACE_S = 1.0
#: An end that takes longer is made.
END_S = 0.5
#: Where no file can be opened to find what is to be ended, it is tried again so often.
_TRIES_MAX = 20
_TRY_AGAIN_S = 0.1
_LOG = logging.getLogger("relspec.worker")


class Program(msgspec.Struct, frozen=True):
    """What runs as a parent: a module, what is set in its environment, and how users know it.

    `clean` is called in a thread where it did not come to end what its children had started. Raises OSError where no
    file can be opened.
    """

    module: str
    environment: Mapping[str, str]
    name: str
    clean: Callable[[], None] | None = None


class ForkedChild(msgspec.Struct, frozen=True):
    """A child: its number among those of its parent, its process, and the future of the parent's word of its end.

    Whoever asked for it closes the handle, and the connection to it.
    """

    ticket: int
    pid: int
    handle: ProcessHandle
    exited: "asyncio.Future[Exited]"
    connection: socket.socket


class WarmParent:
    """A running parent process; made by `start` within a running event loop."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        control: socket.socket,
        program: Program,
        gone: Callable[["WarmParent"], None],
    ) -> None:
        self._process = process
        self._gone = gone
        self._program = program
        self._control = control
        self._reports: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)
        self._tickets = 0
        #: Whether it has answered.
        self.was_warm = False
        self._failure: str | None = None
        #: When each order for a child was given that was not answered yet, in seconds; also those nobody waits for.
        self._unanswered: dict[int, float] = {}
        self._forked: dict[int, asyncio.Future[tuple[int, ProcessHandle]]] = {}
        self._exited: dict[int, asyncio.Future[Exited]] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(control.fileno(), self.hear)

    @classmethod
    def start(cls, program: Program, gone: Callable[["WarmParent"], None]) -> "WarmParent":
        """Start the program; it becomes warm while nobody waits for it.

        `gone` is called when no more children can be had of it. Raises WorkerError.
        """
        with _connected(socket.SOCK_SEQPACKET) as (ours, theirs):
            ours.setblocking(False)
            try:
                process = _spawn(program, theirs.fileno())
            except OSError as error:
                raise no_room(error) from error
            return cls(process, ours, program, gone)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether children can be had of it."""
        return self._control.fileno() >= 0

    async def fork(self, order: Callable[[int], msgspec.Struct], *descriptors: int) -> ForkedChild:
        """Have a child forked, by an order for its number; it gets its end of a connection, and these descriptors.

        Raises WorkerError.
        """
        with _connected(socket.SOCK_STREAM) as (ours, theirs):
            self._tickets += 1
            ticket = self._tickets
            exited = self._exited[ticket] = self._loop.create_future()
            pid, handle = await self._process_of(ticket, order(ticket), theirs.fileno(), *descriptors)
            return ForkedChild(ticket, pid, handle, exited, ours)

    async def _process_of(self, ticket: int, order: msgspec.Struct, *descriptors: int) -> tuple[int, ProcessHandle]:
        forked: asyncio.Future[tuple[int, ProcessHandle]] = self._loop.create_future()
        self._forked[ticket] = forked
        try:
            self._send(order, *descriptors)
            self._unanswered[ticket] = self._loop.time()
            await asyncio.wait((forked,), timeout=self._patience())
            if not forked.done():
                self.hear()
            return forked.result() if forked.done() else self._give_up()
        except BaseException:
            self.kill(ticket)
            _let_go(forked)
            raise
        finally:
            self._forked.pop(ticket, None)

    def _give_up(self) -> NoReturn:
        silence = self._silence()
        if silence + _GRACE_S > self._silence_max():
            # It will not answer the next one either. At the end of the connection it ends all, if it goes on.
            self._hang_up()
        raise WorkerError("timeout", f"{self._program.name} has not answered for {silence:.0f} s")

    def _silence(self) -> float:
        """For how many seconds it has not answered. It answers orders as they came, so the first has waited longest."""
        return max((self._loop.time() - given for given in self._unanswered.values()), default=0.0)

    def _silence_max(self) -> float:
        return _SILENT_S if self.was_warm else _COLD_S

    def _patience(self) -> float:
        return min(START_S, max(_GRACE_S, self._silence_max() - self._silence()))

    def hear(self) -> None:
        """Read all that was said. Who judges by what was not said asks for that first.

        This process may have been stopped itself, and then what tells it of time comes before what it has to read.
        """
        with contextlib.suppress(BlockingIOError):
            while self.alive:
                # A reset (it left something unread) is told once, before what it had said until then.
                with contextlib.suppress(ConnectionResetError):
                    self._hear_one()

    def order(self, order: msgspec.Struct) -> None:
        """Give an order that has no answer; nothing happens when the parent is gone."""
        if self.alive:
            with contextlib.suppress(WorkerError):
                self._send(order)

    def kill(self, ticket: int) -> None:
        """End a child now; nothing happens when it is gone."""
        if ticket in self._exited:
            self.order(Kill(ticket))

    async def end(self) -> None:
        """End the parent and all children, and reap it."""
        self._hang_up()
        if self._tickets == 0:
            # It has forked nobody and does nothing but import; it would hear of the end once it is warm.
            self._process.kill()
            await _exit_of(self._process)
            return
        try:
            async with asyncio.timeout(END_S):
                await _exit_of(self._process)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await _exit_of(self._process)
        if self._process.returncode != 0 and self._program.clean is not None:
            await _done(self._program.clean, f"what {self._program.name} had started may still run")

    def _send(self, order: msgspec.Struct, *descriptors: int) -> None:
        if not self.alive:
            raise self._lost()
        try:
            socket.send_fds(self._control, [msgspec.json.encode(order)], descriptors)
        except ConnectionError:
            # It ended: that is heard next, after what it had said until then.
            return
        except OSError as error:
            self._hang_up()
            raise self._lost() from error

    def _lost(self) -> WorkerError:
        if self._failure is not None:
            return WorkerError("crash", f"{self._program.name} did not start: {self._failure}")
        return WorkerError("crash", f"{self._program.name}'s process is gone; what needs it next starts another")

    def _hear_one(self) -> None:
        data, descriptors, _, _ = socket.recv_fds(self._control, CONTROL_BYTES_MAX, DESCRIPTORS_MAX)
        if not data:
            self._hang_up()
            return
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        match self._reports.decode(data):
            case Forked(ticket=ticket, pid=pid):
                self._answered(ticket)
                self._welcome(ticket, pid, *descriptors)
            case Refused(ticket=ticket, why=why):
                self._answered(ticket)
                self._exited.pop(ticket, None)
                forked = self._forked.get(ticket)
                if forked is not None and not forked.done():
                    forked.set_exception(no_room(why))
            case Failed(message=message):
                self._failure = message
            case Exited(ticket=ticket) as report:
                _settle(self._exited.pop(ticket, None), report)

    def _answered(self, ticket: int) -> None:
        self.was_warm = True
        del self._unanswered[ticket]

    def _welcome(self, ticket: int, pid: int, descriptor: int | None = None) -> None:
        forked = self._forked.get(ticket)
        if forked is None or forked.done():
            # Nobody waits for it any more, and it is being ended.
            if descriptor is not None:
                os.close(descriptor)
        elif descriptor is None:
            forked.set_exception(no_room(TOO_MANY_FILES))
        else:
            forked.set_result((pid, ProcessHandle(descriptor)))

    def _hang_up(self) -> None:
        if not self.alive:
            return
        self._loop.remove_reader(self._control.fileno())
        self._control.close()
        for forked in self._forked.values():
            if not forked.done():
                forked.set_exception(self._lost())
        for ticket, exited in self._exited.items():
            _settle(exited, Exited(ticket, PARENT_GONE))
        self._exited.clear()
        self._gone(self)


def _spawn(program: Program, descriptor: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        # -P: a file `ibis.py` or `duckdb.py` in the user's directory is not the module that we mean.
        [sys.executable, "-P", "-m", program.module, str(descriptor)],
        stdin=subprocess.DEVNULL,
        # What user code prints goes to the log: standard output belongs to the answers of commands.
        stdout=2,
        pass_fds=(descriptor,),
        env={**os.environ, **program.environment},
        process_group=0,
    )


@contextlib.contextmanager
def _connected(kind: socket.SocketKind) -> Iterator[tuple[socket.socket, socket.socket]]:
    # Two ends of a connection: the second is for another process, the first stays open where nothing goes wrong.
    try:
        ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    except OSError as error:
        raise no_room(error) from error
    with theirs:
        try:
            yield ours, theirs
        except BaseException:
            ours.close()
            raise


def no_room(error: OSError | str) -> WorkerError:
    """Say that the system has no room for one more process, or for what it needs."""
    why = error if isinstance(error, str) else error.strerror or str(error)
    return WorkerError("crash", f"no process can be started: {why}")


def _let_go(forked: "asyncio.Future[tuple[int, ProcessHandle]]") -> None:
    """Close what came with a child in the moment in which nobody wanted it any more."""
    if forked.done() and not forked.cancelled() and forked.exception() is None:
        _, handle = forked.result()
        handle.close()


def _settle(future: "asyncio.Future[Any] | None", value: object) -> None:
    if future is not None and not future.done():
        future.set_result(value)


async def _done(clean: Callable[[], None], otherwise: str) -> None:
    error: OSError | None = None
    for _ in range(_TRIES_MAX):
        try:
            await asyncio.to_thread(clean)
        except OSError as refused:
            # As many files are open as may be. Whoever ends now closes some.
            error = refused
            await asyncio.sleep(_TRY_AGAIN_S)
        else:
            return
    _LOG.error("%s: %s", otherwise, error)


async def _exit_of(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    try:
        handle = ProcessHandle(os.pidfd_open(process.pid))
    except OSError:
        # As many files are open as may be.
        await asyncio.to_thread(process.wait)
        return
    try:
        await handle.ended()
    finally:
        handle.close()
    process.wait()
