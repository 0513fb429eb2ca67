"""Reads Python source and runs nothing of it: gives rows of its structure, or one that says why there are none.

Python's own parser decides what a module is, so a file belongs to the version that runs this. What the compiler would
refuse for its scopes, as a `nonlocal` that nothing declares, does not parse here either.
"""

import ast
import symtable
import warnings
from dataclasses import dataclass

from remarks import remarks
from scopes import Scope, TooDeepError, module_scope
from source_text import SourceText
from symbols import symbols
from walk import walk

Row = tuple[object, ...]

DEEP = "it nests deeper than Python can parse"


@dataclass(frozen=True, slots=True)
class Parsed:
    """Rows of a file that parses, by table; columns as in the table's schema, without the file's id."""

    rows: dict[str, list[Row]]


def parse(source: SourceText, module: str) -> Parsed | Row:
    """Read a module; where it does not parse, give a row of `raw_diags` that says why."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # From bytes, the columns of a syntax error would count now bytes, now characters (CPython 3.11).
            tree = ast.parse(source.text)
            table = symtable.symtable(source.text, "<module>", "exec")
        found = walk(tree, module_scope(module, table))
    except SyntaxError as error:
        return syntax_error(error)
    except ValueError as error:  # On some versions, a null byte.
        return failure(str(error))
    except (RecursionError, MemoryError):  # What the parser raises when its stack, which is no memory, is full.
        return failure(DEEP)
    except TooDeepError as error:
        return failure(str(error))
    return Parsed({
        "raw_scopes": [scope_row(scope) for scope in found.scopes],
        "raw_scope_ancestors": [row for scope in found.scopes for row in ancestor_rows(scope)],
        "raw_symbols": symbols(found.scopes),
        "raw_defs": found.defs,
        "raw_bases": found.bases,
        "raw_imports": found.imports,
        "raw_refs": found.refs,
        "raw_calls": found.calls,
        "raw_diags": remarks(source),
    })  # fmt: skip


def scope_row(scope: Scope) -> Row:
    """Describe a scope."""
    return scope.key, None if scope.parent is None else scope.parent.key, scope.kind, scope.name, scope.lineno


def ancestor_rows(scope: Scope) -> list[Row]:
    """Name the scopes around one; its parent is at depth 1."""
    return [(scope.key, outer.key, outer.kind, depth) for depth, outer in enumerate(scope.ancestors(), 1)]


def syntax_error(error: SyntaxError) -> Row:
    """Describe why a file does not parse; an error's columns count characters from one."""
    line = error.lineno or 1
    start = len((error.text or "")[: max((error.offset or 1) - 1, 0)].encode())
    return "syntax-error", error.msg, line, start, line, start


def failure(message: str) -> Row:
    """Say why a file does not parse where no place is known."""
    return "syntax-error", message, 1, 0, 1, 0
