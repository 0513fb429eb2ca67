"""One engine process as the daemon sees it: started, asked one question at a time, killed, reaped.

Killing is by process group and takes effect at once. How a process ended is learnt from a pid descriptor in the event
loop, without a thread.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from relspec.core.errors import WorkerError
from relspec.edges.async_wire import AsyncChannel
from relspec.edges.engine.objects import own_prefix
from relspec.edges.engine.protocol import Answer, Fault, Question, Ready
from relspec.edges.signals import signal_name
from relspec.edges.wire import WireError

#: How long a process may take from its start to being warm, on a machine that is busy with other things.
START_S = 60.0
#: A process that closed its socket is as good as dead; after this long it is made so.
_GOODBYE_S = 1.0
_LAST_WORDS_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Launch:
    """How engine processes are started: bounds of memory and spill, time zone, the directory for what they write.

    One that `publishes` does nothing else.
    """

    memory_mb: int
    spill_mb: int
    timezone: str
    temporary: Path
    publishes: bool


class Worker:
    """A running engine process; made by `start`."""

    def __init__(self, process: "subprocess.Popen[bytes]", complaints: IO[bytes], launch: Launch) -> None:
        self._process = process
        self._complaints = complaints
        self._temporary = launch.temporary
        self._channel: AsyncChannel[Answer, Question] | None = None

    @classmethod
    async def start(cls, launch: Launch) -> "Worker":
        """Start a process and wait until it is warm; raises WorkerError."""
        ours, theirs = socket.socketpair()
        complaints = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process lives; `end` closes it.
        with theirs:
            worker = cls(_spawn(launch, theirs, complaints), complaints, launch)
        try:
            async with asyncio.timeout(START_S):
                await worker._greet(ours)
        except BaseException as error:
            ours.close()
            await worker.end()
            if isinstance(error, TimeoutError):
                raise WorkerError("timeout", f"an engine process was not ready after {START_S:.0f} s") from error
            raise
        return worker

    async def _greet(self, connection: socket.socket) -> None:
        self._channel = await AsyncChannel.over(connection, Answer)
        hello = await self._receive(self._channel)
        if not isinstance(hello, Ready):
            raise WorkerError("crash", f"an engine process did not start: {_said(hello)}")

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    async def ask(self, question: Question) -> Answer:
        """Send a question and wait for its answer; raises WorkerError when the process ends instead."""
        assert self._channel is not None, "a worker is greeted before it is asked"
        try:
            await self._channel.send(question)
        except WireError:
            raise await self._ended() from None
        return await self._receive(self._channel)

    def kill(self) -> None:
        """End the process and what it started, now."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Kill the process, reap it, and remove what it was writing."""
        self.kill()
        if self._channel is not None:
            self._channel.close()
        await _exit_of(self._process)
        self._complaints.close()
        for left in _named(self._temporary, own_prefix(self._process.pid)):
            # What cannot be removed now goes with the next start.
            with contextlib.suppress(OSError):
                _remove(left)

    async def _receive(self, channel: AsyncChannel[Answer, Question]) -> Answer:
        try:
            return await channel.receive()
        except WireError:
            raise await self._ended() from None

    async def _ended(self) -> WorkerError:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await _exit_of(self._process)
        return death_of(self._process.returncode, self._last_words())

    def _last_words(self) -> str:
        if self._complaints.closed:
            return ""
        self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(0, self._complaints.tell() - _LAST_WORDS_BYTES))
        lines = self._complaints.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""


def death_of(code: int | None, last_words: str) -> WorkerError:
    """Say how a process ended that was not meant to."""
    if code is None:
        return WorkerError("crash", "the engine process closed its connection; it is being ended")
    if code in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return WorkerError(
            "memory", "the engine process was killed from outside, as a system does that runs out of memory"
        )
    if code < 0:
        return WorkerError("crash", f"the engine process died of {signal_name(-code)}")
    return WorkerError("crash", f"the engine process ended with exit code {code}: {last_words}")


def _spawn(launch: Launch, connection: socket.socket, complaints: IO[bytes]) -> "subprocess.Popen[bytes]":
    descriptor = connection.fileno()
    # -P: a file `duckdb.py` in the user's directory is not the module that we mean.
    command = [sys.executable, "-P", "-m", "relspec.edges.engine", str(descriptor)]
    return subprocess.Popen(
        [
            *(*command, str(launch.memory_mb), str(launch.spill_mb), launch.timezone, str(launch.temporary)),
            "publish" if launch.publishes else "work",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=complaints,
        pass_fds=(descriptor,),
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "1", "TZ": "UTC", "OPENBLAS_NUM_THREADS": "1"},
        process_group=0,
    )


async def _exit_of(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    descriptor = os.pidfd_open(process.pid)
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, _settle, ended)
    try:
        await ended
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    process.wait()


def _settle(ended: "asyncio.Future[None]") -> None:
    if not ended.done():
        ended.set_result(None)


def _named(folder: Path, prefix: str) -> list[Path]:
    """What lies in a folder under names that begin so; no pattern, which would stay compiled for each process."""
    with contextlib.suppress(FileNotFoundError):
        return [folder / name for name in os.listdir(folder) if name.startswith(prefix)]
    return []


def _remove(path: Path) -> None:
    if path.is_dir():
        for inner in path.iterdir():
            _remove(inner)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def _said(answer: Answer) -> str:
    return answer.message if isinstance(answer, Fault) else repr(answer)
