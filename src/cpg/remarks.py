"""Finds the comments that leave something to be done.

A comment is what is found outside of strings by one pattern for strings and comments, which costs a tenth of reading
the tokens. It is exact up to Python 3.11; where a later version nests quotes of one kind in an f-string, a mark in that
line may be missed or taken for one.
"""

import re

from source_text import SourceText

MARKS = re.compile(r"\b(TODO|FIXME|XXX)\b")
STRING_OR_COMMENT = re.compile(
    r"""(?P<comment>\#[^\n]*)|'{3}(?:\\.|[^\\])*?'{3}|"{3}(?:\\.|[^\\])*?"{3}|'(?:\\.|[^\\'\n])*'|"(?:\\.|[^\\"\n])*\"""",
    re.DOTALL,
)

Row = tuple[object, ...]


def remarks(source: SourceText) -> list[Row]:
    """Describe the marked comments of a parsing file."""
    if not MARKS.search(source.text):
        return []
    text = source.plain
    found: list[Row] = []
    line, seen = 1, 0
    for match in STRING_OR_COMMENT.finditer(text):
        comment = match["comment"]
        if comment is None or not MARKS.search(comment):
            continue
        line += text.count("\n", seen, match.start())
        seen = match.start()
        start = len(text[text.rfind("\n", 0, seen) + 1 : seen].encode())
        found.append(("todo-comment", comment.lstrip("# "), line, start, line, start + len(comment.encode())))
    return found
