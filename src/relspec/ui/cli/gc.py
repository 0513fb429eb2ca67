"""`gc`: drop what nothing current, pinned or recent needs, and no reader may still open."""

from argparse import ArgumentParser

from relspec.ui.cli.call import Call, Outcome, answered, outcome_of
from relspec.ui.render.gc import gc_lines


def arguments(parser: ArgumentParser) -> None:
    """Declare whether it is only to be said."""
    parser.add_argument("--dry-run", action="store_true", help="only say what would be dropped")


def run(call: Call) -> Outcome:
    """Drop, by the daemon between two builds, or in this process."""
    layout = call.layout()
    wanted = {"dry_run": hasattr(call.options, "dry_run")}
    return outcome_of(layout, answered(layout, "gc", wanted), gc_lines)
