"""`status`: what is current. Asks the daemon, or reads what the last build left, without importing what builds."""

from argparse import ArgumentParser

from relspec.edges.ask import Document, ask
from relspec.ui.cli.call import Call, Outcome, answered, outcome_of
from relspec.ui.render.status import status_lines

#: A daemon answers this from memory; one that takes longer hangs.
_ANSWER_S = 30.0


def arguments(parser: ArgumentParser) -> None:
    """Declare the tasks to show, and whether to take in what was saved up to now."""
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="only these", default=[])
    parser.add_argument(
        "--sync", action="store_true", help="first wait until every save before this moment is taken in"
    )


def run(call: Call) -> Outcome:
    """Look, and change nothing."""
    layout = call.layout()
    tasks, sync = call.options.tasks, hasattr(call.options, "sync")
    wanted = {"tasks": tasks, "sync": sync}
    if sync:
        return outcome_of(layout, answered(layout, "status", wanted), status_lines)
    reply = ask(layout, "status", wanted, _ANSWER_S)
    return outcome_of(layout, _glanced(call, tasks) if reply is None else reply, status_lines)


def _glanced(call: Call, tasks: list[str]) -> tuple[int, Document]:
    # Start-up time: with a daemon there is nothing to read, so sqlite3 stays out.
    from relspec.app.glance import status  # noqa: PLC0415

    return status(call.layout(), tasks)
