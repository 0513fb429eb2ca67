"""How the program of a warm parent begins: it ends with the daemon, imports what children need, and serves."""

import gc
import signal
import socket
from collections.abc import Callable

import msgspec

from relspec.edges.forking import Failed
from relspec.edges.parentage import end_with_daemon

_WORDS_MAX = 2000


def serve_daemon(descriptor: int, warm_up: Callable[[], Callable[[socket.socket], None]]) -> None:
    """Fork for whoever holds the other end of an inherited socket; `warm_up` gives what serves a connection.

    An error of `warm_up` is told to the daemon, and raised.
    """
    end_with_daemon(descriptor)
    # An interrupt at the terminal goes to the whole foreground group; ending us is the daemon's business alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Who started us may have it ignored, which outlives `exec`: then the system reaps, and nobody knows how what ended.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with socket.socket(fileno=descriptor) as control:
        try:
            # Only now: it takes a second on a busy machine, in which the daemon may end.
            serve = warm_up()
        except Exception as error:
            words = f"{type(error).__name__}: {error}".encode("utf-8", "backslashreplace").decode()
            control.send(msgspec.json.encode(Failed(words[:_WORDS_MAX])))
            raise
        # What is there now stays: children need not look at it, and do not copy its pages by looking.
        gc.collect()
        gc.freeze()
        serve(control)
