"""A process that runs beside this one, known by a pid descriptor: what is done by it meets nobody else."""

import asyncio
import contextlib
import os
import select
import signal


class ProcessHandle:
    """Owns a pid descriptor, until it is closed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._ended: asyncio.Future[None] | None = None

    def alive(self) -> bool:
        """Whether the process still runs."""
        if self._descriptor < 0:
            return False
        looking = select.poll()
        looking.register(self._descriptor, select.POLLIN)
        return not looking.poll(0)

    def kill(self) -> None:
        """End the process, now; nothing happens when it is gone."""
        if self._descriptor >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    async def ended(self) -> None:
        """Wait until the process has ended, reaped or not."""
        if self._descriptor < 0:
            return
        if self._ended is None:
            loop = asyncio.get_running_loop()
            loop.add_reader(self._descriptor, self._settle, loop)
            self._ended = loop.create_future()
        # Not the future itself: who is cancelled while waiting would take it from all others.
        await asyncio.wait((self._ended,))

    def close(self) -> None:
        """Let go of the descriptor; who waits goes on."""
        if self._descriptor >= 0:
            if self._ended is not None:
                self._settle(self._ended.get_loop())
            os.close(self._descriptor)
            self._descriptor = -1

    def _settle(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_reader(self._descriptor)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
