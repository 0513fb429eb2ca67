"""Runs one extractor on one file, and stores the tables that it gives as objects.

The file's bytes are read once, and the extractor sees these bytes: the content that the answer names is that of what
was extracted. Bytes that are what they were before are not extracted again.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from relspec.core.digest import content_of
from relspec.core.errors import InputMovedError
from relspec.core.problem import Code, Problem
from relspec.core.schema import Schema, difference
from relspec.core.scope import below
from relspec.core.work import DeclaredTable, Extract, Extracted
from relspec.edges.loader.blame import problem_of
from relspec.edges.loader.modules import Modules
from relspec.edges.loader.snapshot import Snapshot
from relspec.edges.loader.tables import Tables, wrong_name


class ExtractedFile(msgspec.Struct, frozen=True):
    """What an extractor is given: a file by its paths, and the bytes as they were read.

    `path` is relative to the project where it lies in there; `relative` is what stands below the folder that the
    extractor's pattern starts from.
    """

    path: str
    relative: str
    absolute: str
    content: bytes

    def text(self, encoding: str = "utf-8") -> str:
        """Decode the bytes."""
        return self.content.decode(encoding)


def extract(request: Extract, modules: Modules, snapshot: Snapshot, tables: Tables) -> Extracted | Problem:
    """Run the extractor; loads its file when that was not done. Raises OSError when the file cannot be read."""
    data = Path(request.path).read_bytes()
    content = content_of(data)
    if request.known is not None and request.known.content == content:
        return request.known
    spec = request.extractor
    tables.learn(spec.tables or ())
    declared = modules.declared(spec.path)
    if isinstance(declared, Problem):
        return declared
    function = next((f for known, f in declared.extractors if (known.name, known.code) == (spec.name, spec.code)), None)
    if function is None:
        # Its file was saved after it was last looked at: what it gives now is not to be remembered as of before.
        raise InputMovedError(snapshot.places.absolute(spec.path))
    try:
        result = function(ExtractedFile(request.shown, below(request.shown, spec.base), request.path, data))
        wrong = _wrong_result(result, spec.tables, tables)
        if wrong is not None:
            return _problem(request, f"{spec.name} on {request.shown}: {wrong[0]}", wrong[1])
        stored = tuple((name, *tables.stored(result[name], request.objects)) for name in sorted(result))
    except BaseException as error:  # noqa: BLE001 - `sys.exit()` in an extractor is a problem of that file.
        place = (snapshot.places.absolute(spec.path), spec.line)
        found = problem_of(error, Code.EXTRACTOR, snapshot, place)
        message = f"{spec.name} failed on {request.shown}: {found.message}"
        return Problem(found.code, None, found.path, found.line, found.column, message, found.hint)
    return Extracted(content, stored)


def _wrong_result(result: object, declared: Iterable[DeclaredTable] | None, tables: Tables) -> tuple[str, str] | None:
    """Say what is wrong with what an extractor gave, and what to do."""
    # Start-up time: only extractors pay for pyarrow, and the warm parent must stay free of its threads.
    import pyarrow  # noqa: PLC0415

    if not isinstance(result, dict):
        return f"it returned a {type(result).__name__}, not a dictionary of tables", "return {name: pyarrow.Table}"
    for name, table in result.items():
        fault = wrong_name(name)
        if fault is not None:
            return fault.message, "return {name: pyarrow.Table}"
        if not isinstance(table, pyarrow.Table):
            kind = f"{type(table).__module__}.{type(table).__name__}"
            return f"table {name!r} is a {kind}, not a pyarrow.Table", "return {name: pyarrow.Table}"
    return None if declared is None else _undeclared(result, {table.name: table.schema for table in declared}, tables)


def _undeclared(result: Mapping[str, Any], declared: Mapping[str, Schema], tables: Tables) -> tuple[str, str] | None:
    """Compare the tables with those that were declared."""
    for name in sorted(declared.keys() ^ result.keys()):
        if name in declared:
            return f"it returned no table {name!r}, which it declares", "return every table, also without rows"
        return f"it returned a table {name!r} that it does not declare", "declare it in tables=, or leave it out"
    for name, schema in declared.items():
        given = tables.schema(result[name].schema)
        if given.columns == schema.columns:
            continue
        order = f"its columns come in the order {', '.join(given.types())}"
        fault = difference(schema.types(), given.types()) or order
        return f"table {name!r} is not what is declared: {fault}", "make it with the declared schema"
    return None


def _problem(request: Extract, message: str, hint: str) -> Problem:
    return Problem(Code.EXTRACTOR, None, request.extractor.path, request.extractor.line, 1, message, hint)
