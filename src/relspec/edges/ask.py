"""Asks the daemon: one JSON line over its Unix socket, one JSON line back.

Every command pays for this module at start-up, so it imports neither asyncio nor msgspec. "No daemon there" is an
answer (`None`); a daemon that was reached and fell silent is an error. Nothing here starts or stops a process.
"""

import json
import os
import socket
import struct
from collections.abc import Mapping
from typing import Any

from relspec.core.errors import DaemonLostError, NoDaemonError, StateError
from relspec.core.layout import SOCKET_PATH_BYTES_MAX, Layout

#: An answer comes within microseconds of the connection being taken; a full queue means that nobody takes any.
_CONNECT_S = 5.0

_CREDENTIALS = struct.Struct("3i")

Document = dict[str, Any]


def ask(
    layout: Layout, command: str, arguments: Mapping[str, Any], timeout: float | None
) -> tuple[int, Document] | None:
    """Send one command and wait for its exit code and document; `None` where no daemon lives.

    An error of the daemon's comes back as a document `{"error": {"code", "message", "hint"}}`. Raises DaemonLostError
    when no answer comes within `timeout` seconds or the connection breaks, StateError when the socket is not ours.
    """
    place = _place(layout)
    if place is None:
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        if not _connected(connection, place):
            return None
        _check_owner(connection, place)
        connection.settimeout(timeout)
        try:
            request = {"command": command, "arguments": dict(arguments), "state": _identity(layout)}
            connection.sendall(json.dumps(request).encode() + b"\n")
            reply = json.loads(_line(connection))
            return None if reply.get("code") == NoDaemonError.code else _opened(reply)
        except TimeoutError as error:
            raise DaemonLostError(f"the daemon did not answer {command!r} within {timeout:g} s") from error
        except (OSError, ValueError) as error:
            raise DaemonLostError(f"the daemon ended the connection before it answered {command!r}") from error


def card(layout: Layout) -> Document | None:
    """Read what the daemon says of itself: `pid`, `socket`, `root`, `started`, `version`; `None` where there is none.

    A card can outlive a daemon that was killed, and can be copied along with a project: it is ours only by `root`.
    """
    try:
        found = json.loads(layout.card.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("root") == str(layout.root) else None


def _place(layout: Layout) -> str | None:
    if len(os.fsencode(layout.socket)) <= SOCKET_PATH_BYTES_MAX:
        return str(layout.socket)
    found = card(layout)
    return None if found is None else str(found["socket"])


def _connected(connection: socket.socket, place: str) -> bool:
    connection.settimeout(_CONNECT_S)
    try:
        connection.connect(place)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        return False
    except PermissionError as error:
        raise StateError(f"{place} belongs to another user: only the user who started the daemon may ask it") from error
    except (BlockingIOError, TimeoutError) as error:
        raise DaemonLostError(f"the daemon takes no more requests at {place}") from error
    return True


def _check_owner(connection: socket.socket, place: str) -> None:
    """Believe nobody else's daemon: in a folder that others may write to, they may have been there first."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    if uid != os.getuid():
        raise StateError(f"at {place} answers a process of user {uid}, and only your own daemon is asked")


def _line(connection: socket.socket) -> bytes:
    chunks: list[bytes] = []
    while not (chunks and chunks[-1].endswith(b"\n")):
        chunk = connection.recv(1 << 20)
        if not chunk:
            raise ConnectionResetError
        chunks.append(chunk)
    return b"".join(chunks)


def _identity(layout: Layout) -> list[int]:
    """Device and inode of the state: a socket may have come with a copy, and lead to the daemon of the original."""
    found = layout.state.stat()
    return [found.st_dev, found.st_ino]


def _opened(reply: Document) -> tuple[int, Document]:
    if "error" not in reply:
        return int(reply["exit"]), reply["document"]
    error = {"code": reply.get("code", "error"), "message": reply["error"], "hint": reply.get("hint")}
    return int(reply["exit"]), {"error": error}
