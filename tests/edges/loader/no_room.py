"""The parent of sessions on a machine that has no room for something at first."""

import errno
import os
import sys
from collections.abc import Callable
from typing import Any

from relspec.app.loader_process import main


def refused_once(call: Callable[..., Any]) -> Callable[..., Any]:
    left = [1]

    def refuse(*arguments: Any) -> Any:
        if left:
            left.pop()
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        return call(*arguments)

    return refuse


if __name__ == "__main__":
    name = os.environ["TEST_REFUSED"]
    setattr(os, name, refused_once(getattr(os, name)))
    main(sys.argv[1:])
