"""The parent of the engines on a machine that has no room for another process."""

import errno
import os
import sys
from typing import NoReturn

from relspec.edges.engine.__main__ import main


def refused() -> NoReturn:
    raise OSError(errno.EAGAIN, "Resource temporarily unavailable")


if __name__ == "__main__":
    os.fork = refused
    main(sys.argv[1:])
