"""What user code prints: passed on to the daemon's log with a prefix, up to a limit, then read and thrown away.

Reading never stops, so printing never blocks user code for good; writing never blocks us, so a log that nobody reads
costs lines and not the loader. Ten gigabytes of output cost the time to print them.
"""

import os
import re
import select

_PREFIX = b"[task code] "
#: What would move the cursor of a terminal, or give it orders.
_UNPRINTABLE = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")
_CUT = b"(what this build prints from here on is not shown: output_kb under [limits] in watch.toml)\n"
_CHUNK = 64 * 1024


class Output:
    """The reading end of a session's output."""

    def __init__(self, descriptor: int, log: int, shown_bytes_max: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self._log = log
        self._left = shown_bytes_max
        self._cut = False
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
            shown = data[: self._left].replace(b"\r", b"\n")
            lines = b"".join(_PREFIX + line for line in shown.splitlines(keepends=True))
            # A line can come in pieces.
            self._write(lines if self._line_starts else lines.removeprefix(_PREFIX))
            self._line_starts = shown.endswith(b"\n")
        self._left -= len(data)
        if self._left < 0 and not self._cut:
            self._cut = True
            self._write((b"" if self._line_starts else b"\n") + _PREFIX + _CUT)
        return True

    def close(self) -> None:
        """Pass on what is there and stop; for when the writers are gone."""
        # A pipe holds a chunk; who still writes into it is being killed, and is not waited for.
        for _ in range(2):
            if not self.pump():
                break
        os.close(self.descriptor)

    def _write(self, lines: bytes) -> None:
        lines = _UNPRINTABLE.sub(lambda found: repr(found[0])[2:-1].encode(), lines)
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
