"""Reads the structure of Python source out of its syntax tree: scopes, definitions, imports. Runs nothing of it.

A scope's key is its parent's key, "/", kind, ":", name, "#" and its ordinal among those of the same parent, kind and
name. Only statements open the scopes that hold definitions, so expressions are not walked. Lines are 1-based, columns
are 0-based bytes of UTF-8, as `ast` gives them.
"""

import ast
import io
import re
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import decode_source

Row = dict[str, object]
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

KINDS = {ast.FunctionDef: "function", ast.AsyncFunctionDef: "async_function", ast.ClassDef: "class"}
MARKS = re.compile(r"\b(TODO|FIXME|XXX)\b")


@dataclass(frozen=True, slots=True)
class Parsed:
    """Rows of a file that parses."""

    definitions: list[Row]
    imports: list[Row]


def parse(content: bytes, module: str) -> Parsed | Row:
    """Read a module's definitions and imports; where it does not parse, a row that says why."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # From bytes, the columns of a syntax error would count now bytes, now characters (CPython 3.11).
            tree = ast.parse(decode_source(content))
    except SyntaxError as error:
        return syntax_error(error)
    except ValueError as error:  # The bytes are no text, or on some versions there is a null byte among them.
        return diagnostic("syntax-error", str(error), (1, 0, 1, 0))
    definitions: list[Row] = []
    imports: list[Row] = []
    ordinals: Counter[str] = Counter()
    for node, scope, body in statements(tree, f"/module:{module}#0"):
        if isinstance(node, Definition):
            definitions.append(definition(node, scope, body))
        else:
            imports += imported(node, scope, ordinals[scope])
            ordinals[scope] += 1
    return Parsed(definitions, imports)


def statements(tree: ast.Module, root: str) -> Iterator[tuple[Definition | ast.Import | ast.ImportFrom, str, str]]:
    """Yield definitions and imports in source order, each with the keys of its scope and of the scope within it."""
    seen: Counter[str] = Counter()
    waiting: list[tuple[ast.AST, str]] = [(node, root) for node in reversed(tree.body)]
    while waiting:
        node, scope = waiting.pop()
        inner, below = scope, [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr)]
        if isinstance(node, Definition):
            stem = f"{scope}/{'class' if isinstance(node, ast.ClassDef) else 'function'}:{node.name}"
            inner, below = f"{stem}#{seen[stem]}", node.body
            seen[stem] += 1
        if isinstance(node, Definition | ast.Import | ast.ImportFrom):
            yield node, scope, inner
        waiting += [(child, inner) for child in reversed(below)]


def definition(node: Definition, scope: str, body: str) -> Row:
    """Describe a function or a class."""
    return {
        "scope_key": scope,
        "body_key": body,
        "kind": KINDS[type(node)],
        "name": node.name,
        "arg_count": 0 if isinstance(node, ast.ClassDef) else arg_count(node.args),
        "decorator_count": len(node.decorator_list),
        "has_docstring": ast.get_docstring(node, clean=False) is not None,
        **span(node),
    }


def arg_count(args: ast.arguments) -> int:
    """Count parameters of every kind."""
    stars = [star for star in (args.vararg, args.kwarg) if star is not None]
    return len(args.posonlyargs) + len(args.args) + len(args.kwonlyargs) + len(stars)


def imported(node: ast.Import | ast.ImportFrom, scope: str, ordinal: int) -> Iterator[Row]:
    """Describe each name of an import statement; `import a.b` binds `a`, and a star binds nothing that can be seen."""
    named = isinstance(node, ast.ImportFrom)
    for number, alias in enumerate(node.names):
        is_star = alias.name == "*"
        plain = alias.name if named else alias.name.partition(".")[0]
        yield {
            "scope_key": scope,
            "stmt_ord": ordinal,
            "alias_ord": number,
            "kind": "from" if named else "import",
            "module": node.module if named else alias.name,
            "level": node.level if named else 0,
            "name": alias.name if named else None,
            "asname": alias.asname,
            "bound_name": None if is_star else alias.asname or plain,
            "is_star": is_star,
            **span(alias),
        }


def remarks(content: bytes) -> list[Row]:
    """Find the comments of a parsing file that leave something to be done."""
    text = decode_source(content)
    if not MARKS.search(text):
        return []  # Reading the tokens costs more than all the rest.
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [remark(token) for token in tokens if token.type == tokenize.COMMENT and MARKS.search(token.string)]


def remark(token: tokenize.TokenInfo) -> Row:
    """Describe one such comment."""
    start = len(token.line[: token.start[1]].encode())
    end = start + len(token.string.encode())
    return diagnostic("todo-comment", token.string.lstrip("# "), (token.start[0], start, token.end[0], end))


def syntax_error(error: SyntaxError) -> Row:
    """Describe why a file does not parse; its columns count characters from one."""
    line = error.lineno or 1
    start = len((error.text or "")[: max((error.offset or 1) - 1, 0)].encode())
    return diagnostic("syntax-error", error.msg, (line, start, line, start))


def diagnostic(code: str, message: str, place: tuple[int, int, int, int]) -> Row:
    """Make a row of `raw_diags`."""
    return {"code": code, "message": message} | dict(
        zip(("lineno", "col", "end_lineno", "end_col"), place, strict=True)
    )


def span(node: Definition | ast.alias) -> Row:
    """Say from where to where a node stands; decorators are not part of it."""
    return {
        "lineno": node.lineno,
        "col": node.col_offset,
        "end_lineno": node.end_lineno,
        "end_col": node.end_col_offset,
    }
