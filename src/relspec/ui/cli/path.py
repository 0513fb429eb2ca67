"""`path`: the file of a table, for other programs to open."""

import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from relspec.ui.cli.call import Call, Outcome, outcome_of
from relspec.ui.render.page import Page
from relspec.ui.render.text import escape


def arguments(parser: ArgumentParser) -> None:
    """Declare the table."""
    parser.add_argument("output", metavar="OUTPUT", help="a task's output")


def run(call: Call) -> Outcome:
    """Print the path as it is, for `$(...)`, where an escaped name would be another file's; escaped on a terminal."""
    # Start-up time: this imports duckdb, and the parser must be able to refuse without it.
    from relspec.app.reading import path  # noqa: PLC0415

    layout = call.layout()
    return outcome_of(layout, (0, path(layout, call.options.output)), _lines)


def _lines(document: Mapping[str, Any], _page: Page) -> list[str]:
    return [escape(document["path"]) if _is_for_eyes() else document["path"]]


def _is_for_eyes() -> bool:
    return sys.stdout.isatty()
