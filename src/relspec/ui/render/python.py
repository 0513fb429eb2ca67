"""Python source as `ruff format` lays it out: on one line where it fits, else one item a line.

Texts of users stand in string literals, escaped, so that nothing but its own value comes out of one.
"""

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from relspec.ui.render.text import cells, escape

WIDTH = 88
INDENT = "    "
#: Texts and quoted names in SQL, and comments, which may hold what looks like these.
_QUOTED = re.compile(r"""'[^']*'|"[^"]*"|--[^\n]*|/\*.*?\*/|\$\w*\$.*""", re.DOTALL)


class Group(msgspec.Struct, frozen=True):
    """Something in brackets. Each item has a text before it: a key, a name, or nothing."""

    left: str
    items: tuple[tuple[str, "Layout"], ...]
    right: str


Layout: TypeAlias = str | Group


def call(arguments: Mapping[str, Layout]) -> Group:
    """Write named arguments."""
    return Group("(", tuple((f"{name}=", value) for name, value in arguments.items()), ")")


def parameters(types: Mapping[str, str]) -> Group:
    """Write parameters with their types."""
    return Group("(", tuple((f"{name}: ", type_) for name, type_ in types.items()), ")")


def dictionary(items: Mapping[str, Layout]) -> Group:
    """Write a dict from texts to what is given."""
    return Group("{", tuple((f"{literal(key)}: ", value) for key, value in items.items()), "}")


def pair(first: Layout, second: Layout) -> Group:
    """Write a tuple of two."""
    return Group("(", (("", first), ("", second)), ")")


def texts(values: Iterable[str]) -> Group:
    """Write a list of texts."""
    return Group("[", tuple(("", literal(value)) for value in values), "]")


def lines(before: str, layout: Layout, after: str, depth: int, *, may_fit: bool = True) -> list[str]:
    """Lay out one item at a depth of indentation; without `may_fit` it takes one line an item in any case.

    The recursion is as deep as brackets stand in brackets, which is up to the caller.
    """
    line = f"{INDENT * depth}{before}{_flat(layout)}{after}"
    if isinstance(layout, str) or not layout.items or (may_fit and cells(line) <= WIDTH):
        return [line]
    inner = [part for prefix, item in layout.items for part in lines(prefix, item, ",", depth + 1)]
    return [f"{INDENT * depth}{before}{layout.left}", *inner, f"{INDENT * depth}{layout.right}{after}"]


def _flat(layout: Layout) -> str:
    if isinstance(layout, str):
        return layout
    return f"{layout.left}{', '.join(prefix + _flat(item) for prefix, item in layout.items)}{layout.right}"


def literal(text: str) -> str:
    """Write a text on one line, with the quotes that need fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + escape(text.replace("\\", "\\\\")).replace(quote, f"\\{quote}") + quote


def query_lines(sql: str, depth: int) -> list[str]:
    """Write a query over several lines, as deep as its quotes where no line break is part of a value in it."""
    values = [part for part in _QUOTED.findall(sql) if part[0] in "'\"$"]
    is_free = "\\" not in sql and not any("\n" in value for value in values)
    indent = INDENT * depth if is_free else ""
    escaped = sql.replace("\\", "\\\\").replace('"""', '""\\"').split("\n")
    # Tabs may stay: they are no danger, and part of how people indent.
    inner = ["\t".join(map(escape, line.split("\t"))) for line in escaped]
    return [f'{INDENT * depth}"""', *(f"{indent}{line}" if line else "" for line in inner), f'{indent}""",']
