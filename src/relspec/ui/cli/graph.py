"""`graph`: the bipartite graph, as JSON or as a drawing's source."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from typing import Any

from relspec.ui.cli.call import Call, Outcome, answered, outcome_of
from relspec.ui.render.graph import dot_lines, mermaid_lines


def _json_lines(document: Mapping[str, Any]) -> list[str]:
    return json.dumps(document, indent=2).split("\n")


_FORMATS: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "json": _json_lines,
    "mermaid": mermaid_lines,
    "dot": dot_lines,
}


def arguments(parser: ArgumentParser) -> None:
    """Declare the format, which with `--json` is JSON in any case, and the tasks whose cone is marked."""
    parser.add_argument("--format", choices=tuple(_FORMATS), default="json", help="json by default")
    parser.add_argument("--cone", action="append", metavar="TASK", help="mark this task and what is below it")


def run(call: Call) -> Outcome:
    """Draw the graph as it is now."""
    layout = call.layout()
    lines = _FORMATS[call.options.format]
    tasks = getattr(call.options, "cone", None)
    wanted = {} if tasks is None else {"tasks": tasks}
    return outcome_of(layout, answered(layout, "graph", wanted), lambda document, _: lines(document))
