"""`path`: the file of a table, for other programs to open."""

from argparse import ArgumentParser

from relspec.ui.cli.call import Call, Outcome, answered, outcome_of


def arguments(parser: ArgumentParser) -> None:
    """Declare the table."""
    parser.add_argument("output", metavar="OUTPUT", help="a task's output")


def run(call: Call) -> Outcome:
    """Print the path as it is: it is meant for `$(...)`, where an escaped name would be another file's."""
    layout = call.layout()
    reply = answered(layout, "path", {"output": call.options.output})
    return outcome_of(layout, reply, lambda document, _: [document["path"]])
