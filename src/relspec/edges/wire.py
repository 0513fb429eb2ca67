"""Messages between our own processes: a mark, a four-byte length and a JSON document, decoded into a typed value.

No pickle. A closed union of message types goes in each direction; the tag is the type's name. What does not decode is
a broken peer, and the caller ends it. The mark tells at once what user code has written onto the connection.
"""

import asyncio
import socket
import struct
from typing import Any, Generic, TypeVar

import msgspec

_HEAD = struct.Struct("<4sI")
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
    return _HEAD.pack(_MARK, len(body)) + body


def _length(head: bytes) -> int:
    mark, length = _HEAD.unpack(head)
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
        return self._decoder.decode(self._read(_length(self._read(_HEAD.size))))

    def _read(self, size: int) -> bytes:
        chunks = bytearray()
        while len(chunks) < size:
            chunk = self._connection.recv(min(size - len(chunks), 1 << 20))
            if not chunk:
                raise WireError("the peer closed the connection")
            chunks += chunk
        return bytes(chunks)


class AsyncChannel(Generic[In, Out]):
    """The daemon's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, incoming: Any) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder: msgspec.json.Decoder[In] = msgspec.json.Decoder(incoming)

    @classmethod
    async def over(cls, connection: socket.socket, incoming: Any) -> "AsyncChannel[In, Out]":
        """Take over a connected socket."""
        reader, writer = await asyncio.open_unix_connection(sock=connection)
        return cls(reader, writer, incoming)

    async def send(self, message: Out) -> None:
        """Write one message whole."""
        self._writer.write(encode(message))
        try:
            await self._writer.drain()
        except ConnectionError as error:
            raise WireError("the peer closed the connection") from error

    async def receive(self) -> In:
        """Wait for one message; raises WireError when the peer is gone or speaks another protocol."""
        try:
            length = _length(await self._reader.readexactly(_HEAD.size))
            return self._decoder.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WireError("the peer closed the connection") from error
        except msgspec.DecodeError as error:
            raise GarbledError(f"the peer sent no message of the protocol: {error}") from error

    def close(self) -> None:
        """Close the connection; what is in flight is dropped."""
        self._writer.close()
