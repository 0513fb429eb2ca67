"""`why`: the chain from a change to a task, and the rule that fired; also why it did not run."""

from argparse import ArgumentParser

from relspec.ui.cli.call import Call, Outcome, answered, outcome_of
from relspec.ui.render.task import why_lines


def arguments(parser: ArgumentParser) -> None:
    """Declare the task."""
    parser.add_argument("task", metavar="TASK", help="the task's name")


def run(call: Call) -> Outcome:
    """Look up the recorded decision."""
    layout = call.layout()
    return outcome_of(layout, answered(layout, "why", {"task": call.options.task}), why_lines)
