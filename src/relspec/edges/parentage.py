"""For child processes of ours: none outlives the process that started it."""

import ctypes
import os
import signal
import socket
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Let the kernel end this process when the thread that started it ends."""
    _signal_at_its_end(signal.SIGKILL)


def outlive_parent() -> None:
    """Take that back, for a process that has something to end first."""
    _signal_at_its_end(0)


def end_with_daemon(descriptor: int) -> None:
    """Let the kernel end this process with the daemon, which holds the other end of an inherited socket.

    To be called before anything slow: a daemon that is gone by then sends no signal any more, but its end is closed.
    """
    die_with_parent()
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        try:
            gone = not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except ConnectionError:
            gone = True
    if gone:
        sys.exit(0)


def _signal_at_its_end(number: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)
