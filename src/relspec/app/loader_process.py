"""The loader's warm parent as a program: `python -P -m relspec.app.loader_process FD`. The daemon starts it.

Here the loader gets to know the engine, which is imported by those children only that execute something: neither
DuckDB nor pyarrow may have threads in the process that forks.
"""

import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any

from relspec.core.problem import Problem
from relspec.core.work import Execute, Executed
from relspec.edges.parentage import outlive_parent
from relspec.edges.warm_program import serve_daemon

Runner = Callable[[Execute, Mapping[str, Any]], Executed | Problem]


def open_engine(memory_mb: int, timezone: str, spill: str, spill_mb: int) -> Runner:
    """Open DuckDB in this process."""
    # The warm parent must not load DuckDB: a child that closes what it inherited would die.
    from relspec.edges.engine.connection import open_connection  # noqa: PLC0415
    from relspec.edges.engine.execute import execute  # noqa: PLC0415

    connection = open_connection(memory_mb, timezone, spill, spill_mb=spill_mb)

    def run(request: Execute, functions: Mapping[str, Any]) -> Executed | Problem:
        return execute(connection, request, functions)

    return run


def main(arguments: list[str]) -> None:
    """Fork sessions for whoever holds the other end of the inherited socket."""
    serve_daemon(int(arguments[0]), _warm_up)


def _warm_up() -> Callable[[socket.socket], None]:
    from relspec.edges.loader.parent import Parent  # noqa: PLC0415
    from relspec.edges.loader.warming import warm_up  # noqa: PLC0415

    warm_up()
    # From here on the end of the daemon is seen at the socket. A signal would leave behind what task code has started.
    outlive_parent()
    return lambda control: Parent(control, open_engine).run()


if __name__ == "__main__":
    main(sys.argv[1:])
