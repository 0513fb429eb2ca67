"""`show`: the first rows of a table."""

from argparse import ArgumentParser, ArgumentTypeError

from relspec.ui.cli.call import Call, Outcome, answered, outcome_of
from relspec.ui.render.rows import rows_lines

ROWS_MAX = 10_000


def arguments(parser: ArgumentParser) -> None:
    """Declare the table and how many rows."""
    parser.add_argument("output", metavar="OUTPUT", help="a task's output, or a source")
    parser.add_argument("-n", metavar="N", type=_count, default=20, help="so many rows, 20 by default")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > ROWS_MAX:
        raise ArgumentTypeError(f"{text!r} is not a number of rows from 0 to {ROWS_MAX}")
    return int(text)


def run(call: Call) -> Outcome:
    """Read rows of the current revision."""
    layout = call.layout()
    wanted = {"output": call.options.output, "n": call.options.n}
    return outcome_of(layout, answered(layout, "show", wanted), rows_lines)
