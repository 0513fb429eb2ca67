"""`doctor`: check the machine and the state, and have what is damaged made again."""

from argparse import ArgumentParser

from relspec.ui.cli.call import Call, Outcome, answered, outcome_of
from relspec.ui.render.doctor import doctor_lines


def arguments(parser: ArgumentParser) -> None:
    """Nothing to declare."""


def run(call: Call) -> Outcome:
    """Let the owner of the state look at everything."""
    layout = call.layout()
    return outcome_of(layout, answered(layout, "doctor", {}), doctor_lines)
