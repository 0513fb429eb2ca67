"""What user code prints: passed on to the daemon's log with a prefix, up to a limit, then read and thrown away.

Reading never stops, so printing never blocks user code for good; writing never blocks us, so a log that nobody reads
costs lines and not the loader. Ten gigabytes of output cost the time to print them.
"""

import os
import select

#: What one session may put into the log.
SHOWN_BYTES_MAX = 64 * 1024
_PREFIX = b"[task code] "
_CHUNK = 64 * 1024


class Output:
    """The reading end of a session's output."""

    def __init__(self, descriptor: int, log: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self._log = log
        self._left = SHOWN_BYTES_MAX
        self._line_starts = True

    def pump(self) -> bool:
        """Pass on one chunk; false when there is none, and there will be none unless the descriptor is ready again."""
        try:
            data = os.read(self.descriptor, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            return False
        if self._left > 0:
            shown = data[: self._left]
            self._left -= len(data)
            lines = b"".join(_PREFIX + line for line in shown.splitlines(keepends=True))
            # A line can come in pieces.
            self._write(lines if self._line_starts else lines.removeprefix(_PREFIX))
            self._line_starts = shown.endswith(b"\n")
            if self._left <= 0:
                self._write(b"\n" + _PREFIX + b"(what it prints from here on is not shown)\n")
        return True

    def close(self) -> None:
        """Pass on what is there and stop; for when the writers are gone."""
        for _ in range(SHOWN_BYTES_MAX // _CHUNK + 1):
            if not self.pump():
                break
        os.close(self.descriptor)

    def _write(self, lines: bytes) -> None:
        poll = select.poll()
        poll.register(self._log, select.POLLOUT)
        # A pipe that is ready takes PIPE_BUF bytes without blocking, and no more is promised.
        for start in range(0, len(lines), select.PIPE_BUF):
            if not poll.poll(0):
                return
            try:
                os.write(self._log, lines[start : start + select.PIPE_BUF])
            except OSError:
                return  # The terminal was closed, the pipe broken, the disk full: task code goes on without a log.
