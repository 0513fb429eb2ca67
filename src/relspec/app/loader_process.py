"""The loader's warm parent as a program: `python -P -m relspec.app.loader_process FD`. The daemon starts it.

Here the loader gets to know the engine, which is imported by those children that execute something, and by the parent
once it is told that there will be some.
"""

import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from relspec.edges.parentage import outlive_parent
from relspec.edges.warm_program import serve_daemon

if TYPE_CHECKING:
    from relspec.edges.loader.session import Runner


def open_engine(memory_mb: int, timezone: str, spill: str, spill_mb: int) -> "Runner":
    """Open DuckDB in this process."""
    # Most sessions execute nothing, and it takes 0.1 s to import.
    from relspec.app import loader_engine  # noqa: PLC0415

    return loader_engine.open_engine(memory_mb, timezone, spill, spill_mb)


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
