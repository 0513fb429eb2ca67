"""The parent of sessions on a machine that has no room for something at first."""

import errno
import os
import socket
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


def dropped_once(call: Callable[..., Any]) -> Callable[..., Any]:
    left = [1]

    def receive(*arguments: Any) -> Any:
        data, descriptors, flags, address = call(*arguments)
        if left and descriptors:
            left.pop()
            for descriptor in descriptors:
                os.close(descriptor)
            return data, [], flags | socket.MSG_CTRUNC, address
        return data, descriptors, flags, address

    return receive


if __name__ == "__main__":
    name = os.environ["TEST_REFUSED"]
    if name == "recv_fds":
        socket.recv_fds = dropped_once(socket.recv_fds)
    else:
        setattr(os, name, refused_once(getattr(os, name)))
    main(sys.argv[1:])
