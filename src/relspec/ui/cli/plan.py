"""`plan`: what a build would do, and why. Executes nothing."""

from argparse import ArgumentParser

from relspec.ui.cli.call import Call, Outcome, answered, outcome_of
from relspec.ui.render.plan import plan_lines


def arguments(parser: ArgumentParser) -> None:
    """Declare the tasks that the build would be for."""
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="only these and what they need", default=[])


def run(call: Call) -> Outcome:
    """Plan, and change nothing."""
    layout = call.layout()
    return outcome_of(layout, answered(layout, "plan", {"tasks": call.options.tasks}), plan_lines)
