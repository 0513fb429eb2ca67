"""`explain`: what a task reads, makes and executes."""

from argparse import ArgumentParser

from relspec.ui.cli.call import Call, Outcome, answered, outcome_of
from relspec.ui.render.task import explain_lines


def arguments(parser: ArgumentParser) -> None:
    """Declare the task."""
    parser.add_argument("task", metavar="TASK", help="the task's name")


def run(call: Call) -> Outcome:
    """Show the compiled plan."""
    layout = call.layout()
    return outcome_of(layout, answered(layout, "explain", {"task": call.options.task}), explain_lines)
