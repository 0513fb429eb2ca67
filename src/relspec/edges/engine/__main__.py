"""Start an engine process; the pool does.

python -m relspec.edges.engine FD MEMORY_MB SPILL_MB TIMEZONE TEMPORARY work|publish
"""

import functools
import resource
import signal
import socket
import sys
from collections.abc import Callable

from relspec.edges.parentage import end_with_daemon

_MEGABYTE = 1 << 20
#: Besides what DuckDB counts, doubled because it counts only in part: the interpreter, our libraries, an answer.
_OWN_MB = 1024


def main(arguments: list[str]) -> None:
    """Answer questions on the inherited socket until its other end closes."""
    descriptor, memory, spill, timezone, temporary, role = arguments
    end_with_daemon(int(descriptor))
    # An interrupt at the terminal goes to the whole foreground group; ending us is the daemon's business alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    memory_mb, spill_mb = int(memory), int(spill)
    # The engine's own limit misses some aggregates whose state grows without end.
    limit = (2 * memory_mb + _OWN_MB) * _MEGABYTE
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    # Only now: these take a second on a busy machine, in which the daemon may end.
    from relspec.edges.engine.loop import Answering, serve  # noqa: PLC0415
    from relspec.edges.engine.protocol import Question  # noqa: PLC0415
    from relspec.edges.wire import Channel  # noqa: PLC0415

    make_engine: Callable[[], Answering]
    if role == "publish":
        from relspec.edges.engine.publishing import Publishing  # noqa: PLC0415

        make_engine = Publishing
    else:
        from relspec.edges.engine.serve import Engine  # noqa: PLC0415

        make_engine = functools.partial(Engine, memory_mb, timezone, temporary, spill_mb=spill_mb)
    with socket.socket(fileno=int(descriptor)) as connection:
        serve(Channel(connection, Question), make_engine)


if __name__ == "__main__":
    main(sys.argv[1:])
