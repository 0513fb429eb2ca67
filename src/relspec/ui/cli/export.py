"""`export`: the tasks as a module for another tool. The daemon tells of them; the file is written here."""

import os
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from relspec.core.errors import ConfigError
from relspec.core.layout import Layout
from relspec.edges.exported import write
from relspec.ui.cli.call import Call, Outcome, answered
from relspec.ui.render.hamilton import MARK, export_lines, module_text, summary


def arguments(parser: ArgumentParser) -> None:
    """Declare for which tool, and the file."""
    parser.add_argument("tool", metavar="hamilton", choices=("hamilton",), help="Apache Hamilton")
    parser.add_argument("file", metavar="FILE", help="the module to write, a `.py` file; - prints it")


def run(call: Call) -> Outcome:
    """Write the module of the plan as it is now; with problems nothing is written."""
    layout, file = call.layout(), call.options.file
    exit_code, document = answered(layout, "export", {})
    if "error" not in document:
        document = _exported(layout, document, None if file == "-" else Path(os.path.abspath(file)))
    return Outcome(exit_code, document, lambda page: export_lines(document, page), layout.root)


def _exported(layout: Layout, document: Mapping[str, Any], path: Path | None) -> dict[str, Any]:
    if document["problems"]:
        return summary(document, None, None)
    if path is not None:
        _refuse_task(layout, document["folders"], path)
    folder = layout.root if path is None else path.parent.resolve()
    text = module_text(document, "flow" if path is None else path.stem, os.path.relpath(layout.root, folder))
    if path is None:
        return summary(document, None, text)
    write(path, text, MARK)
    return summary(document, str(path), None)


def _refuse_task(layout: Layout, folders: Iterable[str], path: Path) -> None:
    if any(path.parent.resolve().is_relative_to((layout.root / folder).resolve()) for folder in folders):
        raise ConfigError(f"{path} would be read as a file of tasks, because of its folder; name a file elsewhere")
