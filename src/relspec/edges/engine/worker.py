"""One engine process as the daemon sees it: forked from the parent of all, asked one question at a time, killed.

Killing it takes effect at once, and needs nobody else. How it ended its parent says.
"""

import asyncio
import contextlib
import functools
import os
import signal
import tempfile
from pathlib import Path
from typing import BinaryIO

from relspec.core.errors import WorkerError
from relspec.edges.async_wire import AsyncChannel
from relspec.edges.engine.objects import own_prefix
from relspec.edges.engine.protocol import Answer, Fault, Fork, Launch, Question, Ready
from relspec.edges.forking import PARENT_GONE, Exited
from relspec.edges.signals import signal_name
from relspec.edges.warm_parent import START_S, ForkedChild, WarmParent, no_room
from relspec.edges.wire import WireError

#: A process that closed its socket is as good as dead; after this long it is made so.
_GOODBYE_S = 1.0
_LAST_WORDS_BYTES = 4096


class Worker:
    """A running engine process; made by `start`."""

    def __init__(self, child: ForkedChild, complaints: BinaryIO, launch: Launch) -> None:
        self._child = child
        self._complaints = complaints
        self._temporary = Path(launch.temporary)
        self._channel: AsyncChannel[Answer, Question] | None = None

    @classmethod
    async def start(cls, parent: WarmParent, launch: Launch) -> "Worker":
        """Have a process forked and wait until it is warm; raises WorkerError."""
        try:
            complaints = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process lives; `end` closes it.
        except OSError as error:
            raise no_room(error) from error
        try:
            child = await parent.fork(functools.partial(Fork, launch=launch), complaints.fileno())
        except BaseException:
            complaints.close()
            raise
        worker = cls(child, complaints, launch)
        try:
            async with asyncio.timeout(START_S):
                await worker._greet()
        except BaseException as error:
            await worker.end()
            if isinstance(error, TimeoutError):
                raise WorkerError("timeout", f"an engine process was not ready after {START_S:.0f} s") from error
            raise
        return worker

    async def _greet(self) -> None:
        self._channel = await AsyncChannel.over(self._child.connection, Answer)
        hello = await self._receive(self._channel)
        if not isinstance(hello, Ready):
            raise WorkerError("crash", f"an engine process did not start: {_said(hello)}")

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    def alive(self) -> bool:
        """Whether the process still runs, and so does its parent; the parent's word of an end may be on its way."""
        return not self._child.exited.done() and self._child.handle.alive()

    async def ask(self, question: Question) -> Answer:
        """Send a question and wait for its answer; raises WorkerError when the process ends instead."""
        assert self._channel is not None, "a worker is greeted before it is asked"
        try:
            await self._channel.send(question)
        except WireError:
            raise await self._ended() from None
        return await self._receive(self._channel)

    def kill(self) -> None:
        """End the process, now."""
        self._child.handle.kill()

    async def end(self) -> None:
        """Kill the process, wait until it has ended, and remove what it was writing."""
        self.kill()
        if self._channel is not None:
            self._channel.close()
        else:
            self._child.connection.close()
        try:
            await self._child.handle.ended()
        finally:
            self._child.handle.close()
            self._complaints.close()
        for left in _named(self._temporary, own_prefix(self._child.pid)):
            # What cannot be removed now goes with the next start.
            with contextlib.suppress(OSError):
                _remove(left)

    async def _receive(self, channel: AsyncChannel[Answer, Question]) -> Answer:
        try:
            return await channel.receive()
        except WireError:
            raise await self._ended() from None

    async def _ended(self) -> WorkerError:
        await asyncio.wait((self._child.exited,), timeout=_GOODBYE_S)
        return _death_of(self._child.exited, self._last_words())

    def _last_words(self) -> str:
        if self._complaints.closed:
            return ""
        self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(0, self._complaints.tell() - _LAST_WORDS_BYTES))
        lines = self._complaints.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""


def _death_of(exited: "asyncio.Future[Exited]", last_words: str) -> WorkerError:
    if not exited.done():
        return WorkerError("crash", "the engine process closed its connection; it is being ended")
    status = exited.result().status
    if status == PARENT_GONE:
        return WorkerError("crash", "the process that all engines are forked from ended; the next call starts another")
    return death_of(os.waitstatus_to_exitcode(status), last_words)


def death_of(code: int, last_words: str) -> WorkerError:
    """Say how a process ended that was not meant to."""
    if code in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return WorkerError(
            "memory", "the engine process was killed from outside, as a system does that runs out of memory"
        )
    if code < 0:
        return WorkerError("crash", f"the engine process died of {signal_name(-code)}")
    return WorkerError("crash", f"the engine process ended with exit code {code}: {last_words}")


def _named(folder: Path, prefix: str) -> list[Path]:
    """What lies in a folder under names that begin so; no pattern, which would stay compiled for each process."""
    with contextlib.suppress(OSError):
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
