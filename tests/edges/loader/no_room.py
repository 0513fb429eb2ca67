"""The parent of sessions on a machine that has no room for something at first."""

import errno
import itertools
import os
import selectors
import socket
import sys
from collections.abc import Callable
from typing import Any

from relspec.app.loader_process import main
from relspec.edges.loader import family


def refused_once(call: Callable[..., Any]) -> Callable[..., Any]:
    left = [1]

    def refuse(*arguments: Any) -> Any:
        if left:
            left.pop()
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        return call(*arguments)

    return refuse


def refused_by_turns(call: Callable[..., Any]) -> Callable[..., Any]:
    turns = itertools.cycle((True, False))

    def refuse(*arguments: Any) -> Any:
        if next(turns):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return call(*arguments)

    return refuse


def full_once(register: Callable[..., Any]) -> Callable[..., Any]:
    calls: list[object] = []

    def refuse(*arguments: Any) -> Any:
        calls.append(arguments)
        # The first is of the daemon's connection.
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return register(*arguments)

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
    elif name == "look":
        family._pids = refused_by_turns(family._pids)
    elif name == "register":
        selectors.EpollSelector.register = full_once(selectors.EpollSelector.register)  # type: ignore[method-assign]
    else:
        setattr(os, name, refused_once(getattr(os, name)))
    main(sys.argv[1:])
