"""The parent of the engines on a machine that has no room for something, or cannot import DuckDB."""

import errno
import os
import sys
from typing import NoReturn

from relspec.edges.engine.__main__ import main


def refused(*_: int) -> NoReturn:
    raise OSError(errno.EAGAIN, "Resource temporarily unavailable")


class _Broken:
    """Stands where a module is looked for, and finds a broken one."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "duckdb":
            raise ImportError("this DuckDB is broken")


if __name__ == "__main__":
    what = os.environ["TEST_ARGUMENTS"]
    if what == "duckdb":
        sys.meta_path.insert(0, _Broken())
    else:
        setattr(os, what, refused)
    main(sys.argv[1:])
