"""Where the command starts. `status --json`, which scripts and editors ask all the time, goes past the command line.

Where a daemon answers that, its document goes to stdout as it came. All else is for the command line, and so is
whatever is not plain: it asks again, and knows what to say. Nothing but sockets is loaded for this: a status of 1,000
tasks is there after 40 ms where the command line takes 90, most of them spent on importing it.
"""

import os
import socket
import struct
import sys
from collections.abc import Sequence

#: As in `core.layout`, which takes as long to import as all that is done here.
_STATE, _SOCKET = "state", "daemon.sock"
_CREDENTIALS = struct.Struct("3i")
_ANSWER_S = 30.0
_EXIT, _DOCUMENT, _END = b'{"exit": ', b', "document": ', b"}\n"
#: What Python writes for numbers that JSON does not have; a text may have it too, and is read once more then.
_NOT_JSON = (b"NaN", b"Infinity")


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


def _project(words: Sequence[str]) -> str | None:
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


def _reply(root: str | None) -> tuple[int, bytes] | None:
    """The exit code and the document of the daemon in `root`; `None` where it says anything else."""
    if root is None:
        return None
    state = os.stat(f"{root}/{_STATE}")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_ANSWER_S)
        connection.connect(f"{root}/{_STATE}/{_SOCKET}")
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        if _CREDENTIALS.unpack(raw)[1] != os.getuid():
            return None
        arguments = '{"tasks": [], "sync": false}'
        identity = f"[{state.st_dev}, {state.st_ino}]"
        connection.sendall(f'{{"command": "status", "arguments": {arguments}, "state": {identity}}}\n'.encode())
        chunks = []
        while chunk := connection.recv(1 << 20):
            chunks.append(chunk)
    line = b"".join(chunks)
    head, mark, rest = line.partition(_DOCUMENT)
    if not mark or not head.startswith(_EXIT) or not rest.endswith(_END) or any(word in rest for word in _NOT_JSON):
        return None
    return int(head.removeprefix(_EXIT)), rest.removesuffix(_END)


def _print(exit_code: int, document: bytes) -> int:
    try:
        sys.stdout.buffer.write(document + b"\n")
        sys.stdout.buffer.flush()
    except OSError as error:
        from relspec.ui.cli import unprinted  # noqa: PLC0415 as above

        return unprinted(error, exit_code)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
