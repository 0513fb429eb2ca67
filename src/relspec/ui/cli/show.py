"""`show`: the first rows of a table.

Reads what is published, in this process: no daemon is asked, so a big table costs nobody else anything.
"""

from argparse import ArgumentParser, ArgumentTypeError

from relspec.ui.cli.call import Call, Outcome, outcome_of
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
    # Start-up time: this imports duckdb, and the parser must be able to refuse without it.
    from relspec.app.reading import show  # noqa: PLC0415

    layout = call.layout()
    return outcome_of(layout, (0, show(layout, call.options.output, call.options.n)), rows_lines)
