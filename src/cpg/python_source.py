"""The tables that one Python file gives: what it is, what stands in it, and what is to be said about it.

A file that does not parse keeps its row in `src_files`, its lines if it is text, and has one row in `raw_diags`; it
gives nothing else. Keys say where something stands in the structure, never at which line, so that a line inserted
above leaves them as they are; places are in columns of their own. `ord` tells apart what is otherwise alike.
"""

import hashlib
from collections import Counter
from pathlib import PurePosixPath

import pyarrow as pa
from python_syntax import Parsed, failure, parse
from source_text import UnreadableError, decoded, line_count

from relspec import extract

FILE = ("file_id", pa.string())
SCOPE = ("scope_key", pa.string())
SPAN = [("lineno", pa.int32()), ("col", pa.int32()), ("end_lineno", pa.int32()), ("end_col", pa.int32())]
ORD = ("ord", pa.int32())

TABLES = {
    "src_files": pa.schema([
        FILE,
        ("path", pa.string()),
        ("module_fqn", pa.string()),
        ("package_fqn", pa.string()),
        ("is_init", pa.bool_()),
        ("size_bytes", pa.int64()),
        ("sha256", pa.string()),
        ("line_count", pa.int32()),
        ("parse_ok", pa.bool_()),
    ]),
    "src_lines": pa.schema([
        FILE,
        ("line_no", pa.int32()),
        ("start_byte", pa.int64()),
        ("end_byte", pa.int64()),
    ]),
    "raw_scopes": pa.schema([
        FILE,
        SCOPE,
        ("parent_key", pa.string()),
        ("kind", pa.string()),
        ("name", pa.string()),
        ("lineno", pa.int32()),
    ]),
    "raw_scope_ancestors": pa.schema([
        FILE,
        SCOPE,
        ("ancestor_key", pa.string()),
        ("ancestor_kind", pa.string()),
        ("depth", pa.int32()),
    ]),
    "raw_symbols": pa.schema([
        FILE,
        SCOPE,
        ("name", pa.string()),
        ("is_local", pa.bool_()),
        ("is_global", pa.bool_()),
        ("is_declared_global", pa.bool_()),
        ("is_nonlocal", pa.bool_()),
        ("is_free", pa.bool_()),
        ("is_parameter", pa.bool_()),
        ("is_imported", pa.bool_()),
        ("is_assigned", pa.bool_()),
        ("is_referenced", pa.bool_()),
        ("is_annotated", pa.bool_()),
        ("is_namespace", pa.bool_()),
    ]),
    "raw_defs": pa.schema([
        FILE,
        SCOPE,
        ("body_key", pa.string()),
        ("kind", pa.string()),
        ("name", pa.string()),
        ("arg_count", pa.int32()),
        ("decorator_count", pa.int32()),
        ("has_docstring", pa.bool_()),
        *SPAN,
    ]),
    "raw_bases": pa.schema([
        FILE,
        ("body_key", pa.string()),
        ("ord", pa.int32()),
        ("base_root", pa.string()),
        ("base_dotted", pa.string()),
        *SPAN,
    ]),
    "raw_imports": pa.schema([
        FILE,
        SCOPE,
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
    "raw_refs": pa.schema([
        FILE,
        SCOPE,
        ("name", pa.string()),
        ("ctx", pa.string()),
        *SPAN,
        ORD,
    ]),
    "raw_calls": pa.schema([
        FILE,
        SCOPE,
        ("callee_shape", pa.string()),
        ("callee_root", pa.string()),
        ("callee_dotted", pa.string()),
        ("arg_count", pa.int32()),
        ("kw_count", pa.int32()),
        ("callee_lineno", pa.int32()),
        ("callee_col", pa.int32()),
        *SPAN,
        ORD,
    ]),
    "raw_diags": pa.schema([
        FILE,
        ("code", pa.string()),
        ("message", pa.string()),
        *SPAN,
        ORD,
    ]),
}  # fmt: skip
#: Rows of these tables that are alike in these columns, the file's id apart, are told apart by their ordinal.
NAMESAKES = {"raw_refs": (0, 1), "raw_calls": (0, 3), "raw_diags": (0, 1)}


@extract(files="src/**/*.py", tables=TABLES)
def python_source(file) -> dict[str, pa.Table]:
    """Turn one source file into its rows of each table."""
    module, package = module_of(file.relative)
    try:
        source = decoded(file.content)
    except UnreadableError as error:
        source, parsed = None, failure(str(error))
    else:
        parsed = parse(source, module)
    rows = parsed.rows if isinstance(parsed, Parsed) else {"raw_diags": [parsed]}
    rows["src_lines"] = [] if source is None else source.lines()
    n_lines = line_count(file.content) if source is None else len(rows["src_lines"])
    rows["src_files"] = [(*described(file, module, package), n_lines, isinstance(parsed, Parsed))]
    for name, alike in NAMESAKES.items():
        rows[name] = numbered(rows.get(name, []), *alike)
    file_id = file_id_of(file.path)
    return {name: table(file_id, rows.get(name, []), schema) for name, schema in TABLES.items()}


def numbered(rows: list[tuple[object, ...]], *alike: int) -> list[tuple[object, ...]]:
    """Append to each row its ordinal among those that are alike in these columns: no place, so that ids need none."""
    seen: Counter[tuple[object, ...]] = Counter()
    found = []
    for row in rows:
        key = tuple(row[i] for i in alike)
        found.append((*row, seen[key]))
        seen[key] += 1
    return found


def table(file_id: str, rows: list[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    """Make a table of the declared columns, also from no rows at all."""
    columns = list(zip(*rows, strict=True)) or [()] * (len(schema) - 1)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, list(schema)[1:], strict=True)]
    return pa.Table.from_arrays([pa.repeat(file_id, len(rows)), *arrays], schema=schema)


def described(file, module: str, package: str) -> tuple[object, ...]:
    """Say what a file is, whatever stands in it."""
    is_init = PurePosixPath(file.path).name == "__init__.py"
    return file.path, module, package, is_init, len(file.content), hashlib.sha256(file.content).hexdigest()


def file_id_of(path: str) -> str:
    """Name a file in the same way on every machine and in every engine."""
    return f"file:{hashlib.md5(path.encode(), usedforsecurity=False).hexdigest()[:16]}"


def module_of(relative: str) -> tuple[str, str]:
    """The names under which a file is imported, and of the package that its relative imports start from."""
    parts = PurePosixPath(relative).with_suffix("").parts
    package = parts[:-1]
    return ".".join(package if parts[-1] == "__init__" else parts), ".".join(package)
