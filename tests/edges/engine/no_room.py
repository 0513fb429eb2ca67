"""The parent of the engines on a machine that has no room for something, or cannot import DuckDB."""

import errno
import os
import selectors
import sys
from typing import Any, NoReturn

from relspec.edges.engine.__main__ import main


def refused(*_: int) -> NoReturn:
    raise OSError(errno.EAGAIN, "Resource temporarily unavailable")


def full(selector: selectors.EpollSelector, *arguments: Any, _register: Any = selectors.EpollSelector.register) -> Any:
    """Has room for the daemon's connection, and for nothing else."""
    if selector.get_map():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return _register(selector, *arguments)


class _Broken:
    """Stands where a module is looked for, and finds a broken one."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "duckdb":
            raise ImportError("this DuckDB is broken")


if __name__ == "__main__":
    what = os.environ["TEST_ARGUMENTS"]
    if what == "duckdb":
        sys.meta_path.insert(0, _Broken())
    elif what == "register":
        selectors.EpollSelector.register = full  # type: ignore[method-assign]
    else:
        setattr(os, what, refused)
    main(sys.argv[1:])
