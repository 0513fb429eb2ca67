"""The tables that one Python file gives: what it is, what it defines and imports, and what is to be said about it.

A file that does not parse keeps its line in `src_files` and has one row in `raw_diags`; it gives no definitions and
no imports. Keys say where something stands in the structure, never at which line, so that a line inserted above
leaves them as they are.
"""

import hashlib
from pathlib import PurePosixPath

import pyarrow as pa
from python_syntax import Parsed, parse, remarks

from relspec import extract

SPAN = [("lineno", pa.int32()), ("col", pa.int32()), ("end_lineno", pa.int32()), ("end_col", pa.int32())]

TABLES = {
    "src_files": pa.schema([
        ("file_id", pa.string()),
        ("path", pa.string()),
        ("module_fqn", pa.string()),
        ("package_fqn", pa.string()),
        ("is_init", pa.bool_()),
        ("size_bytes", pa.int64()),
        ("sha256", pa.string()),
        ("line_count", pa.int32()),
        ("parse_ok", pa.bool_()),
    ]),
    "raw_defs": pa.schema([
        ("file_id", pa.string()),
        ("scope_key", pa.string()),
        ("body_key", pa.string()),
        ("kind", pa.string()),
        ("name", pa.string()),
        ("arg_count", pa.int32()),
        ("decorator_count", pa.int32()),
        ("has_docstring", pa.bool_()),
        *SPAN,
    ]),
    "raw_imports": pa.schema([
        ("file_id", pa.string()),
        ("scope_key", pa.string()),
        ("stmt_ord", pa.int32()),
        ("alias_ord", pa.int32()),
        ("kind", pa.string()),
        ("module", pa.string()),
        ("level", pa.int32()),
        ("name", pa.string()),
        ("asname", pa.string()),
        ("bound_name", pa.string()),
        ("is_star", pa.bool_()),
        *SPAN,
    ]),
    "raw_diags": pa.schema([
        ("file_id", pa.string()),
        ("code", pa.string()),
        ("message", pa.string()),
        *SPAN,
    ]),
}  # fmt: skip


@extract(files="src/**/*.py")
def python_source(file) -> dict[str, pa.Table]:
    """Turn one source file into its rows of each table."""
    module, package = module_of(file.path)
    parsed = parse(file.content, module)
    failed = not isinstance(parsed, Parsed)
    rows = {
        "src_files": [described(file, module, package, parse_ok=not failed)],
        "raw_defs": [] if failed else parsed.definitions,
        "raw_imports": [] if failed else parsed.imports,
        "raw_diags": [parsed] if failed else remarks(file.content),
    }
    file_id = file_id_of(file.path)
    return {name: table([{"file_id": file_id, **row} for row in found], name) for name, found in rows.items()}


def table(rows: list[dict[str, object]], name: str) -> pa.Table:
    """Make a table of the declared columns, also from no rows at all."""
    return pa.Table.from_pylist(rows, schema=TABLES[name])


def described(file, module: str, package: str, *, parse_ok: bool) -> dict[str, object]:
    """Say what a file is, whatever stands in it."""
    content = file.content
    return {
        "path": file.path,
        "module_fqn": module,
        "package_fqn": package,
        "is_init": file.path.endswith("/__init__.py"),
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "line_count": line_count(content),
        "parse_ok": parse_ok,
    }


def file_id_of(path: str) -> str:
    """Name a file in the same way on every machine and in every engine."""
    return f"file:{hashlib.md5(path.encode(), usedforsecurity=False).hexdigest()[:16]}"


def module_of(path: str) -> tuple[str, str]:
    """The names under which a file is imported, and of the package that its relative imports start from."""
    parts = PurePosixPath(path).with_suffix("").parts
    parts = parts[1:] if parts[0] == "src" else parts
    package = parts[:-1]
    return ".".join(package if parts[-1] == "__init__" else parts), ".".join(package)


def line_count(content: bytes) -> int:
    r"""Count lines as Python does: they end with \n, \r\n or \r, and the last one need not."""
    ends = content.count(b"\n") + content.count(b"\r") - content.count(b"\r\n")
    return ends + (1 if content and not content.endswith((b"\n", b"\r")) else 0)
