"""The processes that user code starts: who they are, what they weigh together, and the end of those left over.

A process that forks away from its parent comes to the nearest one above it that adopts orphans. Sessions and the warm
parent do, so whatever user code starts stays below its session as long as that lives, and below the warm parent
afterwards; there, whoever is not a session is a stray. Groups and terminals play no part: `setsid` escapes nothing.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose own parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def has_children() -> bool:
    """Whether this process has any child, running or ended. Cost: one system call."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def children_by_parent() -> dict[int, list[int]]:
    """Look at all processes, once. Raises OSError where no file can be opened. Cost: 20 microseconds a process."""
    found: dict[int, list[int]] = {}
    for pid in _pids():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            # The name, in parentheses, may hold anything: what follows its end does not.
            _, _, rest = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")
            found.setdefault(int(rest.split()[1]), []).append(pid)
    return found


def family_of(pid: int, children: dict[int, list[int]]) -> list[int]:
    """List a process and all below it."""
    family = [pid]
    for member in family:
        family += children.get(member, ())
    return family


def weight_mb(family: Iterable[int], enough_mb: float) -> float:
    """Say how many megabytes processes hold together; what they share counts once where that could matter.

    Raises OSError where no file can be opened.
    The quick sum counts shared pages for each. Only where it is above `enough_mb` are the shares measured, which takes
    a millisecond for each 100 MB.
    """
    family = tuple(family)
    quick = sum(map(_own_kb, family)) / 1024
    return quick if quick <= enough_mb else sum(map(_share_kb, family)) / 1024


def end_marked(name: str, value: str) -> None:
    """Kill every process that was started with this variable in its environment, and what forked from it.

    Raises OSError where one could not be looked at, when all others have been.
    """
    wanted = f"{name}={value}".encode()
    refused: OSError | None = None
    for pid in _pids():
        try:
            if pid != os.getpid() and wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # It ended, or is another user's.
        except OSError as error:
            refused = error
    if refused is not None:
        raise refused


def data_mb() -> int:
    """Say how many megabytes of its own memory this process may write: what `RLIMIT_DATA` bounds, and its stack."""
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    return pages * resource.getpagesize() >> 20


def n_tasks() -> int:
    """Count the processes and threads of the machine: at least as many as those of this user."""
    return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdecimal())


def _own_kb(pid: int) -> int:
    return _sum_kb(f"/proc/{pid}/status", (b"RssAnon:", b"RssShmem:", b"VmSwap:"))


def _share_kb(pid: int) -> int:
    return _sum_kb(f"/proc/{pid}/smaps_rollup", (b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:"))


def _sum_kb(path: str, names: tuple[bytes, ...]) -> int:
    try:
        lines = Path(path).read_bytes().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0  # It ended, or is another user's.
    return sum(int(line.split()[1]) for line in lines if line.startswith(names))
