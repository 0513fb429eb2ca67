"""The command line: from arguments to one outcome, from the outcome to stdout and an exit code.

Exit codes: 0 all well, 1 problems or failed tasks, 2 wrong usage or broken configuration, 3 no daemon where one is
needed, 130 interrupted. With `--json` stdout gets exactly one JSON document, also for errors. Commands are modules
that are imported when they are called: a process that asks the daemon is back within some tens of milliseconds.
"""

import os
import sys
from collections.abc import Sequence

from relspec.core.errors import RelspecError
from relspec.ui.cli.arguments import UsageError, parse
from relspec.ui.cli.output import error_of, print_outcome

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    # Until the words are parsed, this is the best that is known of where an error has to go.
    as_json = "--json" in words
    try:
        return _run(words, as_json)
    except BrokenPipeError:
        return _quietly(0)
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(words: list[str], as_json: bool) -> int:
    try:
        call = parse(words)
        as_json = call.json
        outcome = call.command.run(call)
    except SystemExit as leaving:  # argparse has printed the help or the version that was asked for.
        sys.stdout.flush()
        return int(leaving.code or 0)
    except (RelspecError, UsageError) as error:
        outcome = error_of(error.exit_code, error.code, str(error), error.hint)
    except KeyboardInterrupt:
        outcome = error_of(INTERRUPTED, "interrupted", "interrupted", None)
    try:
        print_outcome(outcome, as_json)
    except BrokenPipeError:
        return _quietly(outcome.exit_code)
    return outcome.exit_code


def _quietly(exit_code: int) -> int:
    """The reader of our output left. What is still buffered must not complain of it when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return exit_code
