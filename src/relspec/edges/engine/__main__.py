"""Start an engine process: `python -m relspec.edges.engine FD MEMORY_MB TIMEZONE TEMPORARY`. The pool does this."""

import ctypes
import resource
import signal
import socket
import sys

from relspec.edges.engine.protocol import Question
from relspec.edges.engine.serve import serve
from relspec.edges.wire import Channel

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Answer questions on the inherited socket until its other end closes."""
    # An interrupt at the terminal goes to the whole foreground group; ending us is the daemon's business alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    descriptor, memory_mb, timezone, temporary = arguments
    with socket.socket(fileno=int(descriptor)) as connection:
        serve(Channel(connection, Question), int(memory_mb), timezone, temporary)


if __name__ == "__main__":
    main(sys.argv[1:])
