"""Runs one extractor on one file, and stores the tables that it gives as objects.

The file's bytes are read once, and the extractor sees these bytes: the content that the answer names is that of what
was extracted. The same tables give the same Parquet bytes. Types are those that DuckDB finds in the written file.
"""

import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relspec.core.dataset import Part
from relspec.core.declaration import wrong_output
from relspec.core.digest import content_of
from relspec.core.problem import Code, Problem
from relspec.core.schema import Column, Schema
from relspec.core.work import Extract, Extracted
from relspec.edges.loader.blame import problem_of
from relspec.edges.loader.modules import Modules
from relspec.edges.loader.snapshot import Snapshot

#: Metadata that writers leave for their own use.
_MACHINE_KEYS = frozenset({b"pandas", b"ARROW:schema"})
#: For a database that looks at one file of ours: nothing of Python's is a table, no extension comes, and so it stays.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": "1",
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "lock_configuration": "true",
}


@dataclass(frozen=True, slots=True)
class ExtractedFile:
    """What an extractor is given: `path` relative to the project, `absolute`, and the bytes as they were read."""

    path: str
    absolute: str
    content: bytes

    def text(self, encoding: str = "utf-8") -> str:
        """Decode the bytes."""
        return self.content.decode(encoding)


def extract(request: Extract, modules: Modules, snapshot: Snapshot) -> Extracted | Problem:
    """Run the extractor; loads its file when that was not done. Raises OSError when the file cannot be read."""
    declared = modules.declared(request.extractor.path)
    if isinstance(declared, Problem):
        return declared
    function = next((f for spec, f in declared.extractors if spec.name == request.extractor.name), None)
    if function is None:
        message = f"{request.extractor.path} no longer declares the extractor {request.extractor.name}"
        return _problem(request, message, "save the file again, so that it is read again")
    data = Path(request.path).read_bytes()
    try:
        result = function(ExtractedFile(request.shown, request.path, data))
        wrong = _wrong_result(result)
        if wrong is not None:
            return _problem(request, wrong, "return {name: pyarrow.Table}")
        tables = tuple((name, *_stored(result[name], request)) for name in sorted(result))
    except BaseException as error:  # noqa: BLE001 - `sys.exit()` in an extractor is a problem of that file.
        place = (snapshot.places.absolute(request.extractor.path), request.extractor.line)
        found = problem_of(error, Code.EXTRACTOR, snapshot, place)
        message = f"{request.extractor.name} failed on {request.shown}: {found.message}"
        return Problem(found.code, None, found.path, found.line, found.column, message, found.hint)
    return Extracted(content_of(data), tables)


def _wrong_result(result: object) -> str | None:
    # Start-up time: only extractors pay for pyarrow, and the warm parent must stay free of its threads.
    import pyarrow  # noqa: PLC0415

    if not isinstance(result, dict):
        return f"the extractor returned a {type(result).__name__}, not a dictionary of tables"
    for name, table in result.items():
        fault = wrong_output(name)
        if fault is not None:
            return f"table name: {fault.message}"
        if not isinstance(table, pyarrow.Table):
            return f"table {name!r} is a {type(table).__module__}.{type(table).__name__}, not a pyarrow.Table"
    return None


def _stored(table: Any, request: Extract) -> tuple[Schema, Part]:
    import pyarrow.parquet  # noqa: PLC0415 - as above.

    aside = Path(request.temporary, f"loader-{os.getpid()}.parquet")
    try:
        # Without Arrow's own schema in the file everybody reads the types that DuckDB reads.
        pyarrow.parquet.write_table(table, aside, compression="zstd", store_schema=False)
        content = content_of(aside.read_bytes())
        pairs = (table.schema.metadata or {}).items()
        metadata = tuple(sorted((k.decode(), v.decode()) for k, v in pairs if k not in _MACHINE_KEYS))
        schema = Schema(_columns(str(aside)), metadata)
        place = Path(request.objects, f"{content}.parquet")
        aside.chmod(0o444)
        aside.rename(place)
    finally:
        aside.unlink(missing_ok=True)
    return schema, Part(content, str(place), table.num_rows, None)


def _columns(path: str) -> tuple[Column, ...]:
    import duckdb  # noqa: PLC0415 - as above; the connection has threads.

    with duckdb.connect(":memory:", config=_CONFIG) as connection:
        rows = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [glob.escape(path)]).fetchall()
    return tuple(Column(row[0], row[1]) for row in rows)


def _problem(request: Extract, message: str, hint: str) -> Problem:
    return Problem(Code.EXTRACTOR, None, request.extractor.path, request.extractor.line, 1, message, hint)
