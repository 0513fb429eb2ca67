"""What all task files of a session's process share besides modules, and whether user code has spoilt it for the others.

Working folder, umask, environment, import path, signals, timers, threads, descriptors, built-in names, child processes.
A file may change them: its own tasks work in a process that loaded it. But a process in which they are not as they were
serves nobody else, and never comes to the blame of another. What a file adds to the environment, to `sys.path` and to
the built-in names is no harm to others, so it stays.
"""

import builtins
import operator
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping

from relspec.edges.loader.family import has_children

#: Timers of the system, and what they are when they do not run.
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_STILL = (0.0, 0.0)
_SIGNALS = tuple(map(int, signal.valid_signals()))
_LIMITS = (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU, resource.RLIMIT_AS)
#: A process that holds more descriptors than this, of those that it may, has too few for the others.
_CROWDED = 0.5


class Surroundings:
    """As they are now; `descriptors` are those that the process needs for its work."""

    def __init__(self, descriptors: tuple[int, ...]) -> None:
        self._environment = dict(os.environ)
        self._path = tuple(sys.path)
        self._finders = tuple(sys.meta_path)
        self._modules = dict(sys.modules)
        self._builtins = dict(vars(builtins))
        self._descriptors = descriptors
        self._n_threads = threading.active_count()
        self._still: Mapping[str, Callable[[], object]] = {
            "the working folder": os.getcwd,
            "the umask": _umask,
            "signal handlers": _handlers,
            "the signal mask": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
            "standard streams": lambda: (sys.stdin, sys.stdout, sys.stderr),
            "tracing": lambda: (sys.gettrace(), sys.getprofile(), sys.getrecursionlimit()),
            "limits": lambda: tuple(map(resource.getrlimit, _LIMITS)),
            "descriptors": lambda: tuple(_identity(number) for number in self._descriptors),
        }
        self._as_they_were = {name: look() for name, look in self._still.items()}

    def spoilt(self) -> str | None:
        """Name the first thing that another file could stumble over. Cost: a tenth of a millisecond."""
        try:
            return self._spoilt()
        except Exception as error:  # noqa: BLE001 - what cannot be looked at is not as it was.
            return f"something that cannot be looked at: {type(error).__name__}"

    def _spoilt(self) -> str | None:
        moved = (name for name, look in self._still.items() if look() != self._as_they_were[name])
        return next(moved, None) or next((name for name, there in self._found() if there), None)

    def _found(self) -> Iterator[tuple[str, bool]]:
        yield "the environment", any(os.environ.get(name) != value for name, value in self._environment.items())
        yield "the import path", not set(self._path) <= set(sys.path)
        yield "the import system", any(finder not in sys.meta_path for finder in self._finders)
        yield "loaded modules", not _holds(sys.modules, self._modules)
        yield "built-in names", not _holds(vars(builtins), self._builtins)
        yield "a timer", any(signal.getitimer(timer) != _STILL for timer in _TIMERS)
        yield "a thread", threading.active_count() > self._n_threads
        yield "open files", len(os.listdir("/proc/self/fd")) > _CROWDED * resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        yield "a child process", has_children()


def _holds(now: Mapping[str, object], before: Mapping[str, object]) -> bool:
    """Whether all that was there still is, the very same objects. There are some thousand: no line of ours for each."""
    return all(map(operator.is_, map(now.get, before), before.values()))


def _umask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now


def _handlers() -> tuple[object, ...]:
    return tuple(map(signal.getsignal, _SIGNALS))


def _identity(number: int) -> tuple[int, int]:
    found = os.fstat(number)
    return found.st_dev, found.st_ino
