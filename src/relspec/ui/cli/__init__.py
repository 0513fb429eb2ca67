"""The command line: from arguments to one outcome, from the outcome to stdout and an exit code.

Exit codes: 0 all well, 1 problems or failed tasks, 2 wrong usage or broken configuration, 3 no daemon where one is
needed, 130 interrupted. With `--json` stdout gets exactly one JSON document, also for errors. Commands are modules
that are imported when they are called: a process that asks the daemon is back within some tens of milliseconds.
"""

import sys
from collections.abc import Sequence

from relspec.core.errors import RelspecError
from relspec.ui.cli.arguments import UsageError, parse
from relspec.ui.cli.output import error_of, print_outcome
from relspec.ui.outlet import GONE, Outlet, silence

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    # Until the words are parsed, this is the best that is known of where an error has to go.
    as_json = "--json" in words
    try:
        return _run(words, as_json)
    except BrokenPipeError:
        silence(sys.stdout)
        return 0
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
    except OSError as error:
        return unprinted(error, outcome.exit_code)
    return outcome.exit_code


def unprinted(error: OSError, exit_code: int) -> int:
    """The output cannot be written. Where only its reader left, what was done counts; a full disk is an error."""
    if error.errno in GONE:
        silence(sys.stdout)
        return exit_code
    Outlet(sys.stderr).write(f"relspec-watch: error: the output cannot be written: {error.strerror}\n")
    silence(sys.stdout)
    return exit_code or 1
