"""Edits of one Python file, as text to text: what somebody at an editor does to it."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

#: From a text and the number of the round to the edited text.
Edit = Callable[[str, int], str]
ROUNDS_MAX = 5


@dataclass(frozen=True, slots=True)
class Places:
    """Where a file can be edited: a module-level function that is called in it, and a digit in the body of one."""

    function: str
    body_line: int
    indent: int
    digit: tuple[int, int]


def places(text: str) -> Places | None:
    """Find the places; `None` in a file that does not have them all."""
    tree = ast.parse(text)
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    used = next((function for function in functions if function.name in called), None)
    digit = next((place for function in functions for place in _digits(function)), None)
    if used is None or digit is None:
        return None
    first = used.body[1] if len(used.body) > 1 and ast.get_docstring(used) is not None else used.body[0]
    return Places(used.name, first.lineno, first.col_offset, digit)


def _digits(function: ast.FunctionDef) -> Iterator[tuple[int, int]]:
    for statement in function.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Constant) and type(node.value) is int and node.value in range(1, 10 - ROUNDS_MAX):
                yield node.lineno, node.col_offset


def edits(at: Places) -> dict[str, Edit]:
    """The edits by what they are called in the table; each round makes another text, of another shape."""
    return {
        "touch": lambda text, _: text,
        "digit in a body": lambda text, n: _with_line(text, at.digit[0], lambda line: _raised(line, at.digit[1], n)),
        "comment at the end": lambda text, n: text + "# A comment.\n" * n,
        "comment at the top": lambda text, n: "# A comment.\n" * n + text,
        "call added to a body": lambda text, n: _with_line(
            text, at.body_line, lambda line: f"{' ' * at.indent}{'len(' * n}(){')' * n}\n{line}"
        ),
        "used function renamed": lambda text, n: re.sub(rf"\b{at.function}\b", f"{at.function}_{n}", text),
    }


def _with_line(text: str, number: int, change: Callable[[str], str]) -> str:
    lines = text.splitlines(keepends=True)
    lines[number - 1] = change(lines[number - 1])
    return "".join(lines)


def _raised(line: str, column: int, n: int) -> str:
    data = line.encode()
    return (data[:column] + str(int(data[column : column + 1]) + n).encode() + data[column + 1 :]).decode()
