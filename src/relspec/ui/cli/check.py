"""`check`: compile and type-check every task. Executes nothing."""

from argparse import ArgumentParser

from relspec.ui.cli.call import Call, Outcome, answered, outcome_of
from relspec.ui.render.build import check_lines


def arguments(parser: ArgumentParser) -> None:
    """Declare the tasks to check."""
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="only these", default=[])


def run(call: Call) -> Outcome:
    """Check, and change nothing."""
    layout = call.layout()
    return outcome_of(layout, answered(layout, "check", {"tasks": call.options.tasks}), check_lines)
