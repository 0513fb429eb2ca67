"""`doctor`: check the machine and the state, and have what is damaged made again."""

from argparse import ArgumentParser

from relspec.ui.cli.call import Call, Outcome, answered, outcome_of
from relspec.ui.render.doctor import doctor_lines


def arguments(parser: ArgumentParser) -> None:
    """Nothing to declare."""


def run(call: Call) -> Outcome:
    """Take away a file of views that no reader can open, then let the owner of the state look at all else."""
    # Start-up time: this imports duckdb.
    from relspec.app.reading import drop_unreadable  # noqa: PLC0415

    layout = call.layout()
    drop_unreadable(layout)
    return outcome_of(layout, answered(layout, "doctor", {}), doctor_lines)
