"""`path`: the file of a table, for other programs to open."""

from argparse import ArgumentParser

from relspec.ui.cli.call import Call, Outcome, outcome_of


def arguments(parser: ArgumentParser) -> None:
    """Declare the table."""
    parser.add_argument("output", metavar="OUTPUT", help="a task's output")


def run(call: Call) -> Outcome:
    """Print the path as it is: it is meant for `$(...)`, where an escaped name would be another file's."""
    # Start-up time: this imports duckdb, and the parser must be able to refuse without it.
    from relspec.app.reading import path  # noqa: PLC0415

    layout = call.layout()
    return outcome_of(layout, (0, path(layout, call.options.output)), lambda document, _: [document["path"]])
