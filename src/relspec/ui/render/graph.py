"""The graph as Mermaid or DOT text.

Names are the user's: in Mermaid every character that could mean something becomes a numeric entity, in DOT a name is
always a quoted string. Nodes are called n0, n1, ... in the order of the document. Those of a cone are filled, in one
colour and with dark letters, which reads on light and on dark pages alike.
"""

from collections.abc import Mapping
from typing import Any

from relspec.ui.render.text import escape

#: An edge shows so many columns; the document has them all.
COLUMNS_MAX = 4
_FILL, _LINE, _LETTERS = "#ffe3a3", "#b26a00", "#222222"


def mermaid_lines(document: Mapping[str, Any]) -> list[str]:
    """Draw evidence as cylinders and tasks as boxes; an edge bears the columns that it carries."""
    ids = {node["id"]: f"n{index}" for index, node in enumerate(document["nodes"])}
    lines = ["flowchart LR"]
    for node in document["nodes"]:
        left, right = ("[(", ")]") if node["kind"] == "evidence" else ("[", "]")
        lines.append(f'  {ids[node["id"]]}{left}"{_entities(node["name"])}"{right}')
    for edge in document["edges"]:
        label = _entities(_label(edge))
        arrow = f'-->|"{label}"|' if label else "-->"
        lines.append(f"  {ids[edge['source']]} {arrow} {ids[edge['target']]}")
    cone = [ids[node["id"]] for node in document["nodes"] if node.get("in_cone")]
    style = f"  classDef cone fill:{_FILL},stroke:{_LINE},color:{_LETTERS}"
    return [*lines, style, f"  class {','.join(cone)} cone"] if cone else lines


def dot_lines(document: Mapping[str, Any]) -> list[str]:
    """Draw the same for Graphviz."""
    ids = {node["id"]: f"n{index}" for index, node in enumerate(document["nodes"])}
    lines = ["digraph tasks {", "  rankdir=LR;"]
    for node in document["nodes"]:
        shape = "cylinder" if node["kind"] == "evidence" else "box"
        mark = f', style=filled, fillcolor="{_FILL}", color="{_LINE}", fontcolor="{_LETTERS}"'
        style = mark if node.get("in_cone") else ""
        lines.append(f"  {ids[node['id']]} [label={_quoted(node['name'])}, shape={shape}{style}];")
    for edge in document["edges"]:
        label = _label(edge)
        attributes = f" [label={_quoted(label)}]" if label else ""
        lines.append(f"  {ids[edge['source']]} -> {ids[edge['target']]}{attributes};")
    return [*lines, "}"]


def _label(edge: Mapping[str, Any]) -> str:
    names = list(edge["columns"] or ()) if edge["kind"] == "requires" else []
    more = [f"and {len(names) - COLUMNS_MAX} more"] if len(names) > COLUMNS_MAX else []
    return ", ".join([*names[:COLUMNS_MAX], *more])


def _entities(text: str) -> str:
    return "".join(c if c.isalnum() or c in " _-.," else f"#{ord(c)};" for c in escape(text))


def _quoted(text: str) -> str:
    return '"' + escape(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
