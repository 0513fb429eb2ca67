"""Messages between our own processes: a mark, a four-byte length and a JSON document, decoded into a typed value.

No pickle. A closed union of message types goes in each direction; the tag is the type's name. What does not decode is
a broken peer, and the caller ends it. The mark tells at once what user code has written onto the connection.

The daemon's end is in `async_wire`, since asyncio takes each child 3 MB and 18 ms of CPU.
"""

import socket
import struct
from typing import Any, Generic, TypeVar

import msgspec

#: What a message begins with: the mark, and how many bytes follow.
HEAD = struct.Struct("<4sI")
_MARK = b"\x00rsw"
#: A message longer than this is a defect or an attack, not work.
MESSAGE_BYTES_MAX = 512 * 1024 * 1024

In = TypeVar("In")
Out = TypeVar("Out")


class WireError(Exception):
    """The peer closed the connection or sent what is no message of the protocol."""


class GarbledError(WireError):
    """The peer sent what is no message of the protocol."""


def encode(message: Any) -> bytes:
    """Frame one message."""
    body = msgspec.json.encode(message)
    return HEAD.pack(_MARK, len(body)) + body


def length_of(head: bytes) -> int:
    """Read the length of a message; raises GarbledError where `head` begins none."""
    mark, length = HEAD.unpack(head)
    if mark != _MARK or length > MESSAGE_BYTES_MAX:
        raise GarbledError(f"the peer sent no message of the protocol, or one of more than {MESSAGE_BYTES_MAX} bytes")
    return int(length)


class Channel(Generic[In, Out]):
    """The blocking end of a connection, for child processes."""

    def __init__(self, connection: socket.socket, incoming: Any) -> None:
        self._connection = connection
        self._decoder: msgspec.json.Decoder[In] = msgspec.json.Decoder(incoming)

    def send(self, message: Out) -> None:
        """Write one message whole."""
        self._connection.sendall(encode(message))

    def receive(self) -> In:
        """Wait for one message; raises WireError when the peer is gone."""
        return self._decoder.decode(self._read(length_of(self._read(HEAD.size))))

    def _read(self, size: int) -> bytes:
        chunks = bytearray()
        while len(chunks) < size:
            chunk = self._connection.recv(min(size - len(chunks), 1 << 20))
            if not chunk:
                raise WireError("the peer closed the connection")
            chunks += chunk
        return bytes(chunks)
