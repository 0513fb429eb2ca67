"""`init`: a small working project with real data, SQL and Ibis tasks."""

import shlex
from argparse import ArgumentParser
from pathlib import Path

from relspec.core.layout import Layout
from relspec.ui.cli.call import Call, Outcome, outcome_of
from relspec.ui.render.page import Page
from relspec.ui.render.text import escape


def arguments(parser: ArgumentParser) -> None:
    """Declare where; `--project` says the same."""
    parser.add_argument("directory", nargs="?", metavar="DIR", help="the new project's folder; this one by default")


def run(call: Call) -> Outcome:
    """Write the files; nothing that exists is overwritten."""
    # Start-up time: only this command carries the example's files.
    from relspec.edges.scaffold import create  # noqa: PLC0415

    place = getattr(call.options, "directory", None) or call.project or "."
    directory = Path(place).resolve()
    layout = Layout(directory)
    document = {"directory": str(directory), "files": list(create(directory))}

    def text(_document: object, _page: Page) -> list[str]:
        written = [f"  {escape(name)}" for name in document["files"]]
        go = "" if place == "." else f"cd {escape(shlex.quote(place))} && "
        return [f"wrote {escape(str(directory))}:", *written, f"next: {go}relspec-watch build"]

    return outcome_of(layout, (0, document), text)
