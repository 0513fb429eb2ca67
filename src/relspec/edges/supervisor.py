"""Tells the service manager how the daemon is: systemd's notification protocol, in the few lines that it takes.

Each word is a datagram of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names, in the file system or, with an
`@`, in the abstract space. Without that variable nothing is told. Telling never blocks and never fails: a manager that
is gone is nobody's concern here. https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

import contextlib
import os
import socket
from collections.abc import MutableMapping

#: A manager cuts or refuses longer words; a name in a status may be long.
_STATUS_CHARS_MAX = 500


class Supervisor:
    """The other end of `address`; `watchdog_s` is the time within which it wants to hear from us, if it does."""

    def __init__(self, address: str | None, watchdog_s: float | None) -> None:
        self._address = address
        self.watchdog_s = watchdog_s

    @classmethod
    def of(cls, environment: MutableMapping[str, str]) -> "Supervisor":
        """Take the variables out of the environment: they are meant for this process and for none of its children."""
        address = environment.pop("NOTIFY_SOCKET", None)
        interval, meant_for = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        wanted = interval.isdecimal() and int(interval) > 0 and meant_for in ("", str(os.getpid()))
        return cls(_place(address), int(interval) / 1e6 if wanted else None)

    def ready(self) -> None:
        """Say that requests are answered from now on."""
        self._tell("READY=1", f"MAINPID={os.getpid()}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._tell("STOPPING=1")

    def alive(self) -> None:
        """Say that the loop goes round."""
        self._tell("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """Say how things stand, on one line that is printable."""
        self._tell(f"STATUS={sentence[:_STATUS_CHARS_MAX]}")

    def _tell(self, *lines: str) -> None:
        if self._address is None:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.setblocking(False)
            connection.sendto("\n".join(lines).encode("utf-8", "backslashreplace"), self._address)


def _place(address: str | None) -> str | None:
    """The address as sockets take it; `None` for one of a kind that is not known."""
    if not address or address[0] not in "@/":
        return None
    return f"\0{address[1:]}" if address[0] == "@" else address
