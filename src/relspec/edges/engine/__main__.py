"""The parent of the engines as a program: `python -P -m relspec.edges.engine FD`. The pool starts it."""

import functools
import os
import resource
import socket
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from relspec.edges.parentage import die_with_parent
from relspec.edges.warm_program import serve_daemon

if TYPE_CHECKING:
    from relspec.edges.engine.loop import Answering
    from relspec.edges.engine.protocol import Launch

_MEGABYTE = 1 << 20
#: Besides what DuckDB counts, doubled because it counts only in part: the interpreter, our libraries, an answer.
_OWN_MB = 1024


def main(arguments: list[str]) -> None:
    """Fork engines for whoever holds the other end of the inherited socket."""
    serve_daemon(int(arguments[0]), _warm_up)


def _warm_up() -> "Callable[[socket.socket], None]":
    """Import what engines need, and give what forks them for a connection."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import duckdb  # noqa: PLC0415

    from relspec.edges.engine import publishing, serve  # noqa: F401, PLC0415 - for the children.
    from relspec.edges.engine.parent import Parent  # noqa: PLC0415

    # Importing the package opens a database, with a thread for each further core (1.5.6).
    duckdb.default_connection().close()
    return lambda control: Parent(control, run_engine).run()


def run_engine(connection: socket.socket, launch: "Launch", parent: int) -> NoReturn:
    """Answer questions on a connection until its other end closes; for a process just forked from `parent`."""
    from relspec.edges.engine.loop import serve  # noqa: PLC0415
    from relspec.edges.engine.protocol import Question  # noqa: PLC0415
    from relspec.edges.wire import Channel  # noqa: PLC0415

    try:
        die_with_parent()
        # The engine's own limit misses some aggregates whose state grows without end.
        limit = (2 * launch.memory_mb + _OWN_MB) * _MEGABYTE
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        # A parent that died before this point sends no signal any more.
        if os.getppid() == parent:
            serve(Channel(connection, Question), _engine_of(launch))
    except BaseException:  # noqa: BLE001 - whatever it is, its last words say it.
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _engine_of(launch: "Launch") -> "Callable[[], Answering]":
    from relspec.edges.engine.publishing import Publishing  # noqa: PLC0415
    from relspec.edges.engine.serve import Engine  # noqa: PLC0415

    if launch.publishes:
        return Publishing
    return functools.partial(Engine, launch.memory_mb, launch.timezone, launch.temporary, spill_mb=launch.spill_mb)


if __name__ == "__main__":
    main(sys.argv[1:])
