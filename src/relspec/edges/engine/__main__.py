"""Start an engine process: `python -m relspec.edges.engine FD MEMORY_MB TIMEZONE TEMPORARY`. The pool does this."""

import resource
import signal
import socket
import sys

from relspec.edges.parentage import end_with_daemon


def main(arguments: list[str]) -> None:
    """Answer questions on the inherited socket until its other end closes."""
    descriptor, memory_mb, timezone, temporary = arguments
    end_with_daemon(int(descriptor))
    # An interrupt at the terminal goes to the whole foreground group; ending us is the daemon's business alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Only now: these take a second on a busy machine, in which the daemon may end.
    from relspec.edges.engine.protocol import Question  # noqa: PLC0415
    from relspec.edges.engine.serve import serve  # noqa: PLC0415
    from relspec.edges.wire import Channel  # noqa: PLC0415

    with socket.socket(fileno=int(descriptor)) as connection:
        serve(Channel(connection, Question), int(memory_mb), timezone, temporary)


if __name__ == "__main__":
    main(sys.argv[1:])
