"""What is wrong with the machine or with the call, as exceptions. What is wrong in the user's files is a `Problem`."""


class RelspecError(Exception):
    """Base of all errors of ours; the message says what happened, the value, and what to do next."""


class ConfigError(RelspecError):
    """`watch.toml` or a command-line value is wrong. Fix the named place; nothing was changed. Exit code 2."""


class NoDaemonError(RelspecError):
    """A command needs a running daemon. Start one with `relspec-watch daemon`. Exit code 3."""


class StateBusyError(RelspecError):
    """Another process owns `state/`. Ask that daemon, or stop it first."""


class StateError(RelspecError):
    """`state/` cannot be read or written. The message names the file and the reason."""


class WorkerError(RelspecError):
    """A child process died, hung, or broke the protocol; `cause` is one of `timeout`, `memory`, `crash`, `cancelled`."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class InputMovedError(RelspecError):
    """An input file changed while it was read; the result is not current. The next scan finds the new content."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} changed while it was being read")
        self.path = path
