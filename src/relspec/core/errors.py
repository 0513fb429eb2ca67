"""What is wrong with the machine or with the call, as exceptions. What is wrong in the user's files is a `Problem`.

Each class has a stable `code` for scripts and the `exit_code` of the command that ends with it; `hint` says what to do
next where the message does not.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from relspec.core.suggest import closest

if TYPE_CHECKING:
    # Commands that only ask import no plans.
    from relspec.core.plan import FileUse


class RelspecError(Exception):
    """Base of all errors of ours; the message says what happened, the value, and what to do next."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    hint: str | None = None


class ConfigError(RelspecError):
    """`watch.toml` or a command-line value is wrong. Fix the named place; nothing was changed. Exit code 2."""

    code = "config"
    exit_code = 2


class UnknownNameError(RelspecError):
    """A command names a task, an output or a command that does not exist; the hint has the nearest. Exit code 2."""

    code = "unknown-name"
    exit_code = 2

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no {what} named {name!r}")
        near = closest(name, known)
        self.hint = None if near is None else f"did you mean {near!r}?"


class StalePlanError(RelspecError):
    """A module was exported from another plan than the project has now. Export it again."""

    code = "stale-plan"
    hint = "export it again with `relspec-watch export`"


class NoDaemonError(RelspecError):
    """A command needs a running daemon. Start one with `relspec-watch daemon`. Exit code 3."""

    code = "no-daemon"
    exit_code = 3
    hint = "start one with `relspec-watch daemon`"


class DaemonLostError(RelspecError):
    """The daemon was reached and gave no answer: it stopped, or it hangs. Ask again, or end the process it names."""

    code = "daemon-lost"


class StateBusyError(RelspecError):
    """Another process owns `state/`. Ask that daemon, or stop it first."""

    code = "state-busy"


class StateError(RelspecError):
    """`state/` cannot be read or written. The message names the file and the reason."""

    code = "state"


class WorkerError(RelspecError):
    """A child process died, hung, or broke the protocol; `cause`: `timeout`, `memory`, `crash`, `cancelled`."""

    code = "worker"

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        #: What user code in it had read and tried to import by then, as far as it told.
        self.files: tuple[FileUse, ...] = ()
        self.imports: tuple[str, ...] = ()


class InputMovedError(RelspecError):
    """An input file changed while it was read; the result is not current. The next scan finds the new content."""

    code = "input-moved"

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} changed while it was being read")
        self.path = path
