"""The daemon's door: a Unix socket that takes one JSON line a connection and answers with one.

    {"command": "status", "arguments": {...}}  ->  {"exit": 0, "document": {...}}
                                                or  {"exit": 2, "error": "sentence", "code": ..., "hint": ...}

Only processes of the same user get an answer. A request may name the `state` that it is meant for, by device and inode:
one for another state is told that no daemon of it is here, since a link to the socket can be copied with a project.
A client that hangs, lies or leaves costs a bounded amount of memory and time, and never disturbs another client or the
daemon: the answer to a client that left is dropped. `ping` is answered here, everything else by the callback. The
caller owns the project's lock, so whatever lies in the socket's place is stale.
"""

import asyncio
import contextlib
import json
import os
import socket
import stat
import struct
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from pathlib import Path

from relspec import __version__
from relspec.core.digest import digest_of
from relspec.core.document import Document, encoded, encoded_document
from relspec.core.errors import ConfigError, DaemonLostError, NoDaemonError, RelspecError, StateError
from relspec.core.layout import SOCKET_PATH_BYTES_MAX, Layout

Answer = Callable[[str, Document], Awaitable[tuple[int, Document]]]

REQUEST_BYTES_MAX = 1 << 20
CLIENTS_MAX = 64
#: A client has so long to send its line, and so long to take the answer.
CLIENT_S = 10.0
#: So often it is seen whether socket and card are still there.
KEEP_S = 1.0
#: At the end, answers in flight have so long to reach their clients; `stop` itself is one of them.
GRACE_S = 2.0

_BATCH_BYTES = 1 << 15

_CREDENTIALS = struct.Struct("3i")


@contextlib.asynccontextmanager
async def serve(layout: Layout, answer: Answer) -> AsyncIterator[None]:
    """Answer requests while the context lives; the socket and `daemon.json` are there exactly as long.

    Where one of them is removed meanwhile, they are made anew within `KEEP_S`.

    `answer` gets the command and its arguments and gives the exit code and the document; a RelspecError that it raises
    reaches the client as an error. Raises StateError when the socket cannot be made.
    """
    _private(layout.state)
    door = _Door(answer, layout.state.stat())
    async with contextlib.AsyncExitStack() as entry:
        place = await entry.enter_async_context(_entry(layout, door))
        keeping = asyncio.create_task(_keep(layout, door, entry, place))
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await entry.aclose()
            await door.drain()
            layout.card.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def _entry(layout: Layout, door: "_Door") -> AsyncIterator[os.stat_result]:
    """One socket with its card, while the context lives; gives what is at its place."""
    with _listening(layout) as (listener, place):
        server = await asyncio.start_unix_server(door.converse, sock=listener, limit=REQUEST_BYTES_MAX)
        try:
            _write_card(layout, place)
            yield place.stat()
        finally:
            server.close()


async def _keep(layout: Layout, door: "_Door", entry: contextlib.AsyncExitStack, place: os.stat_result) -> None:
    """Make socket and card anew where somebody tidied them away: whom nobody reaches nobody can stop."""
    while True:
        await asyncio.sleep(KEEP_S)
        # What has lost its state ends, and must not make another.
        if _is_at(layout.state, door.state) and not (_is_at(layout.socket, place) and layout.card.exists()):
            await entry.aclose()
            # Where it cannot be made now, there is still nothing in its place the next time.
            with contextlib.suppress(OSError, StateError):
                place = await entry.enter_async_context(_entry(layout, door))


def _is_at(path: Path, known: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), known)
    except OSError:
        return False


class _Door:
    """The conversations that are going on."""

    def __init__(self, answer: Answer, state: os.stat_result) -> None:
        self.state = state
        self._answer = answer
        self._open: set[asyncio.Task[None]] = set()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request and answer it; a client that is gone is nobody's error."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._exchange(reader, writer)
        except TimeoutError:
            writer.transport.abort()  # The client hangs: its answer is dropped with what it did not take.
        except ConnectionError:
            writer.close()  # The client left: its answer is dropped.
        finally:
            self._open.discard(task)

    async def drain(self) -> None:
        """Let answers in flight reach their clients for a moment, then tell the others that the daemon stops."""
        if self._open:
            await asyncio.wait(self._open, timeout=GRACE_S)
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reply = await self._reply(reader, writer)
        except asyncio.CancelledError:
            # The conversation ends here as well, so there is nobody to hand the cancellation on to.
            writer.writelines(_failure(DaemonLostError("the daemon stopped before it had an answer")))
            writer.close()
            return
        async with asyncio.timeout(CLIENT_S):
            for batch in _batches(reply):
                writer.write(batch)
                await writer.drain()
            writer.close()
            await writer.wait_closed()

    async def _reply(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Iterable[bytes]:
        try:
            # Read before refusing: closing on unread bytes resets the connection, and the sentence may get lost.
            command, arguments, state = await _request(reader)
            _check_peer(writer.get_extra_info("socket"))
            if state not in (None, [self.state.st_dev, self.state.st_ino]):
                raise NoDaemonError("the daemon here is that of another project")
            if len(self._open) > CLIENTS_MAX:
                raise StateError(f"the daemon already talks to {CLIENTS_MAX} clients; ask again in a moment")
            exit_code, document = await self._answered(command, arguments)
        except RelspecError as error:
            return _failure(error)
        return _success(exit_code, document)

    async def _answered(self, command: str, arguments: Document) -> tuple[int, Document]:
        if command == "ping":
            return 0, {"pid": os.getpid(), "version": __version__}
        try:
            return await self._answer(command, arguments)
        except RelspecError:
            raise
        except Exception as error:
            # A defect of ours: the client hears of it, and the loop's handler decides what becomes of the process.
            report = {"message": f"the answer to {command!r} failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(report)
            raise RelspecError(f"the daemon met a defect of its own at {command!r}: {error!r}") from error


def _check_peer(connection: socket.socket) -> None:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    if uid != os.getuid():
        raise ConfigError(f"this daemon answers only user {os.getuid()}, and you are user {uid}")


async def _request(reader: asyncio.StreamReader) -> tuple[str, Document, object]:
    try:
        line = await asyncio.wait_for(reader.readline(), CLIENT_S)
        request = json.loads(line)
        command, arguments = request["command"], request["arguments"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(
            f"a request is one line of at most {REQUEST_BYTES_MAX} bytes: "
            '{"command": "...", "arguments": {...}}; this one is not'
        ) from error
    if not isinstance(command, str) or not isinstance(arguments, dict):
        raise ConfigError('a request has a text "command" and an object "arguments"')
    return command, arguments, request.get("state")


def _failure(error: RelspecError) -> Iterable[bytes]:
    yield encoded({"exit": error.exit_code, "error": str(error), "code": error.code, "hint": error.hint})
    yield b"\n"


def _success(exit_code: int, document: Document) -> Iterable[bytes]:
    yield b'{"exit": %d, "document": ' % exit_code
    yield from encoded_document(document)
    yield b"}\n"


def _batches(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Put pieces together, up to where it costs more to copy a text than to send two."""
    batch: list[bytes] = []
    n_bytes = 0
    for piece in pieces:
        batch.append(piece)
        n_bytes += len(piece)
        if n_bytes >= _BATCH_BYTES:
            yield b"".join(batch)
            batch, n_bytes = [], 0
    yield b"".join(batch)


@contextlib.contextmanager
def _listening(layout: Layout) -> Iterator[tuple[socket.socket, Path]]:
    folder = _socket_folder(layout)
    place = folder / layout.socket.name
    try:
        listener = _bound(place)
    except OSError as error:
        raise StateError(f"cannot make the socket {place}: {error.strerror}") from error
    try:
        if folder != layout.state:
            layout.socket.unlink(missing_ok=True)
            layout.socket.symlink_to(place)
        yield listener, place
    finally:
        listener.close()
        place.unlink(missing_ok=True)
        if folder != layout.state:
            layout.socket.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                folder.rmdir()


def _bound(place: Path) -> socket.socket:
    """Bind aside, restrict, rename: before `listen` nobody can connect, so no moment has a wider mode.

    Not by umask, which is the whole process's and would reach files that other threads make at that moment.
    """
    aside = place.with_name("sock.new")
    aside.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listener.bind(str(aside))
        aside.chmod(0o600)
        aside.rename(place)
    except OSError:
        listener.close()
        raise
    return listener


def _socket_folder(layout: Layout) -> Path:
    """Choose `state/`, or where its path is too long for a socket a private folder named by the project."""
    if _fits(layout.state, layout):
        return layout.state
    name = f"relspec-{os.getuid()}-{digest_of(str(layout.root))[:12]}"
    # The first may be another user's, after `su`, and the second as long a path as the project's.
    tops = (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp")  # noqa: S108 - a private folder in it.
    for top in (Path(top) for top in tops if top):
        if _fits(top / name, layout):
            with contextlib.suppress(OSError):
                return _private_folder(top, name)
    raise StateError(f"no folder for a socket can be made below {', '.join(filter(None, tops))}")


def _fits(folder: Path, layout: Layout) -> bool:
    return len(os.fsencode(folder / layout.socket.name)) <= SOCKET_PATH_BYTES_MAX


def _private_folder(top: Path, name: str) -> Path:
    folder = top / name
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700:
        return folder
    # Somebody else sits on the name, perhaps on purpose: take one that nobody could have guessed.
    return Path(tempfile.mkdtemp(prefix="relspec-", dir=top))


def _private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        folder.chmod(0o700)


def _write_card(layout: Layout, place: Path) -> None:
    facts = {
        "pid": os.getpid(),
        "socket": str(place),
        "root": str(layout.root),
        "started": time.time(),
        "version": __version__,
    }
    aside = layout.card.with_suffix(".new")
    try:
        aside.unlink(missing_ok=True)
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            json.dump(facts, file)
        aside.replace(layout.card)
    except OSError as error:
        raise StateError(f"cannot write {layout.card}: {error.strerror}; check permissions and free space") from error
