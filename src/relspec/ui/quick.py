"""Where the command starts. `status --json`, which scripts and editors ask all the time, goes past the command line.

Where a daemon answers that, its document goes to stdout as it came. All else is for the command line, and so is
whatever is not plain: it asks again, and knows what to say.

Next to nothing is imported for this: Python with an empty program takes 11 ms, this with 1,000 tasks 17, the command
line 85. `_socket` is all of `socket` but its enumerations, which take 7 ms to make; `typing` takes 9.
"""

import _socket
import os
import sys

#: As in `core.layout`, which takes as long to import as all that is done here.
_STATE, _SOCKET = "state", "daemon.sock"
_ANSWER_S = 30.0
#: Larger ones would come from the system, page by page, each time.
_RECEIVED_BYTES = 1 << 16
_EXIT, _DOCUMENT, _END = b'{"exit": ', b', "document": ', b"}\n"
#: The exit code has one digit.
_HEAD_BYTES = len(_EXIT) + 1 + len(_DOCUMENT)
#: Process, user and group of whoever is at the other end, as C has them.
_CREDENTIALS_BYTES = 12
_USER = slice(4, 8)


def main() -> int:
    """Run the command of this process and give its exit code."""
    try:
        reply = _reply(_project(sys.argv[1:]))
    except (OSError, AttributeError):
        # No daemon, or no such sockets here.
        reply = None
    if reply is None:
        # Start-up time: this is what the way above goes past.
        from relspec.ui.cli import main as command_line  # noqa: PLC0415

        return command_line()
    return _print(*reply)


def _project(words: list[str]) -> str | None:
    """The folder whose status is asked for in JSON and in the plainest way; `None` where something else is asked."""
    match sorted(words[i] for i in range(len(words)) if "--project" not in words[max(0, i - 1) : i + 1]):
        case ["--json", "status"] if words.count("--project") <= 1 and words[-1] != "--project":
            pass
        case _:
            return None
    if "--project" in words:
        return os.path.realpath(words[words.index("--project") + 1])
    folder = os.getcwd()
    while not (os.path.isfile(f"{folder}/watch.toml") or os.path.isdir(f"{folder}/tasks")):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    return folder


def _reply(root: str | None) -> tuple[int, memoryview] | None:
    """The exit code and the document of the daemon in `root`, as a line; `None` where it says anything else."""
    if root is None:
        return None
    state = os.stat(f"{root}/{_STATE}")
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.settimeout(_ANSWER_S)
        connection.connect(f"{root}/{_STATE}/{_SOCKET}")
        peer = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, _CREDENTIALS_BYTES)
        if int.from_bytes(peer[_USER], sys.byteorder) != os.getuid():
            return None
        arguments = '{"tasks": [], "sync": false}'
        identity = f"[{state.st_dev}, {state.st_ino}]"
        connection.sendall(f'{{"command": "status", "arguments": {arguments}, "state": {identity}}}\n'.encode())
        return _opened(_received(connection))
    finally:
        connection.close()


def _received(connection: _socket.socket) -> bytearray:
    line = bytearray()
    while chunk := connection.recv(_RECEIVED_BYTES):
        line += chunk
    return line


def _opened(line: bytearray) -> tuple[int, memoryview] | None:
    head = line[:_HEAD_BYTES]
    exit_code = head.removeprefix(_EXIT).removesuffix(_DOCUMENT)
    if not (exit_code.isdigit() and len(exit_code) == 1 and line.endswith(_END)):
        return None
    # What closed the reply ends the document's line: nothing of it is copied.
    line[-len(_END) :] = b"\n"
    return int(exit_code), memoryview(line)[_HEAD_BYTES:]


def _print(exit_code: int, document: memoryview) -> int:
    try:
        sys.stdout.buffer.write(document)
        sys.stdout.buffer.flush()
    except OSError as error:
        from relspec.ui.cli import unprinted  # noqa: PLC0415 as above

        return unprinted(error, exit_code)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
