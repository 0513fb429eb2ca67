"""The daemon's end of the connections to its children: what `wire` says of messages, in its event loop."""

import asyncio
import socket
from typing import Any, Generic

import msgspec

from relspec.edges.wire import HEAD, GarbledError, In, Out, WireError, encode, length_of


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
        """Write one message whole; raises WireError when the peer is gone."""
        # What writes into a closed transport is told so by some loops at once, by others in no way.
        if self._writer.is_closing():
            raise WireError("the peer closed the connection")
        self._writer.write(encode(message))
        try:
            await self._writer.drain()
        except ConnectionError as error:
            raise WireError("the peer closed the connection") from error

    async def receive(self) -> In:
        """Wait for one message; raises WireError when the peer is gone or speaks another protocol."""
        try:
            length = length_of(await self._reader.readexactly(HEAD.size))
            return self._decoder.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WireError("the peer closed the connection") from error
        except msgspec.DecodeError as error:
            raise GarbledError(f"the peer sent no message of the protocol: {error}") from error

    def close(self) -> None:
        """Close the connection; what is in flight is dropped."""
        self._writer.close()
