"""Faults at single system calls, as `strace` injects them, and the calls at which one may strike.

`strace` counts the calls of each name on their own, in the main thread of the process that owns the state: that is
where commits, renames and links are made. Or it follows the children, and each process meets the fault at its own call
of that number. Numbers can differ by a few from one run to the next. So a file that is opened to be written is named,
and counted by its name; only one whose name has the number of its process is counted among all files that are opened,
and then, now and then, the one next to it is struck.
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TypeVar

#: The calls that change something on disk; those that make a file are among those that open one.
MUTATING = (
    "write,pwrite64,writev,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,fsync,fdatasync,"
    "ftruncate,mkdir,mkdirat,rmdir,chmod,fchmod,fchmodat"
)
OPENING = "openat"
KILL = "signal=KILL"
ERRORS = ("error=ENOSPC", "error=EIO", "error=EMFILE", "error=EACCES")

T = TypeVar("T")

_OPENED = re.compile(r'^openat\([^"]*"(?P<path>[^"]*)", (?P<flags>[A-Z_|0-9]+)', re.MULTILINE)
#: A call by its name, and what its first argument is open on, where that is one that is open.
_CALLED = re.compile(r"^(?P<name>\w+)\((?:\d+<(?P<on>[^>]*)>)?", re.MULTILINE)
_WRITES = ("O_CREAT", "O_WRONLY", "O_RDWR")


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its number among those of its sort, and with a `path` among those of them that name it."""

    sort: str
    number: int
    path: str | None

    def __str__(self) -> str:
        """For people."""
        return f"call {self.number} of {'each that changes files' if self.sort == MUTATING else self.path or self.sort}"

    def struck_by(self, fault: str) -> list[str]:
        """The words that go before a command to have it meet `fault` at this call."""
        path = [] if self.path is None else ["-P", self.path]
        return ["strace", "-qq", "-o", "/dev/null", *path, "-e", f"inject={self.sort}:{fault}:when={self.number}"]


def counting(log: str) -> list[str]:
    """The words that go before a command to write down, in the file `log`, what could be struck."""
    return ["strace", "-qq", "-y", "-o", log, "-s", "4096", "-e", f"trace={MUTATING},{OPENING}"]


def mutating(log: str) -> list[Call]:
    """The calls that change files, of a run that was written down.

    What is written to sockets and to the loop itself is counted and not given: no disk is behind it.
    """
    found, of_name = [], Counter[str]()
    for call in _CALLED.finditer(log):
        name, on = call["name"], call["on"]
        if name in MUTATING.split(","):
            of_name[name] += 1
            if on is None or on.startswith("/"):
                found.append(Call(name, of_name[name], None))
    return found


def opening(log: str, root: str) -> list[Call]:
    """The calls that open a file below `root` to make or write it, of a run that was written down."""
    found, of_path = [], Counter[str]()
    for number, match in enumerate(_OPENED.finditer(log), 1):
        path = match["path"]
        of_path[path] += 1
        if path.startswith(root) and any(flag in match["flags"] for flag in _WRITES):
            own = re.search(r"\d\d", path.removeprefix(root)) is not None
            found.append(Call(OPENING, number, None) if own else Call(OPENING, of_path[path], path))
    return found


def chosen(rng: random.Random, places: Sequence[T], number: int, faults: Sequence[str]) -> list[tuple[T, str]]:
    """So many of these places, all with 0, in their order, and the faults by turns."""
    count = min(number or len(places), len(places))
    return list(zip((places[i] for i in sorted(rng.sample(range(len(places)), count))), cycle(faults), strict=False))
