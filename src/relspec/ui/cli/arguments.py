"""Reads the command line in two steps: the command's name, then the command's own arguments.

`--project` and `--json` may stand before and after the command. Nothing is abbreviated, so that scripts stay right when
options are added.
"""

import argparse
import importlib
from collections.abc import Sequence
from typing import Any, NoReturn, cast

from relspec import __version__
from relspec.core.errors import UnknownNameError
from relspec.ui.cli.call import Call, Command

#: Each command by name: its module in this package and one line of help.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "create a small working project"),
    "daemon": ("daemon", "watch and rebuild until stopped"),
    "stop": ("stop", "end a running daemon"),
    "build": ("build", "bring every table up to date once, and wait for it"),
    "status": ("status", "what is current, stale, running, blocked, failed"),
    "plan": ("plan", "what a build would do, and why"),
    "check": ("check", "compile and type-check every task, execute nothing"),
    "why": ("why", "why a task ran, or did not"),
    "explain": ("explain", "what a task reads, makes and executes"),
    "graph": ("graph", "the graph of tasks and tables"),
    "export": ("export", "write the tasks as a module for another tool"),
    "show": ("show", "the first rows of a table"),
    "path": ("path", "the file of a table"),
    "doctor": ("doctor", "check the machine and the state, and mend what is damaged"),
    "gc": ("gc", "drop what nothing current, recent or open needs"),
}


class UsageError(Exception):
    """The command line is wrong; the message says how. Exit code 2."""

    exit_code = 2
    code = "usage"

    def __init__(self, message: str, prog: str) -> None:
        super().__init__(message)
        self.hint = f"see `{prog} --help`"


class _Parser(argparse.ArgumentParser):
    """A parser that raises instead of ending the process: an error may have to become JSON."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, self.prog)


def parse(words: Sequence[str]) -> Call:
    """Parse the words after the program's name. Raises UsageError and UnknownNameError; SystemExit after `--help`."""
    first = _first()
    outer = first.parse_args(words)
    if outer.command is None:
        raise UsageError("a command is missing", first.prog)
    if outer.command not in COMMANDS:
        raise UnknownNameError("command", outer.command, COMMANDS)
    module, summary = COMMANDS[outer.command]
    command = cast("Command", importlib.import_module(f"relspec.ui.cli.{module}"))
    second = _parser(prog=f"{first.prog} {outer.command}", description=f"{summary[0].upper()}{summary[1:]}.")
    command.arguments(second)
    options = second.parse_args(outer.rest)
    project = getattr(options, "project", None) or getattr(outer, "project", None)
    return Call(command, options, project, bool({"json"} & (vars(options).keys() | vars(outer).keys())))


def _first() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    listing = "\n".join(f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items())
    first = _parser(
        prog="relspec-watch",
        usage="%(prog)s [--project DIR] [--json] COMMAND ...",
        description="Vite for data: rebuild only the tables that a save really changes.",
        epilog=f"commands:\n{listing}\n\n`%(prog)s COMMAND --help` says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    first.add_argument("--version", action="version", version=f"relspec-watch {__version__}")
    first.add_argument("command", nargs="?", default=None, help=argparse.SUPPRESS)
    first.add_argument("rest", nargs=argparse.REMAINDER, default=[], help=argparse.SUPPRESS)
    return first


def _parser(**options: Any) -> argparse.ArgumentParser:
    # Absent options leave no trace, so that the same option before and after the command do not overwrite each other.
    parser = _Parser(allow_abbrev=False, argument_default=argparse.SUPPRESS, **options)
    parser.add_argument("--project", metavar="DIR", help="the project's folder; found from here upwards by default")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser
