"""The verb analyse: compile one query text into what executes, what it requires and what it gives. Executes nothing.

The steps: the datasets that the text names (`core.query`); their schemas, or the answer that more are needed; types and
errors from DuckDB's own binder, on empty tables; lineage and requirements (`core.inference`). Then the requirement is
checked against the engine. What binds against tables that hold the required columns alone, with the same result, is
proved. Else (a subquery may mention columns that nobody uses) the planner is asked which columns it reads, and those
are required too. So what inference misses costs work, never a stale table.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import duckdb
import msgspec
from msgspec.structs import replace
from sqlglot import exp

from relspec.core.finding import Repeatability
from relspec.core.inference import Inference, infer
from relspec.core.inline import Splice
from relspec.core.plan import Requirement
from relspec.core.problem import Code, Problem
from relspec.core.query import Query, QueryTrouble, Readings, references
from relspec.core.schema import Column, Schema
from relspec.core.types import canonical_type, stored_type
from relspec.core.work import Analyse, Analysed, Named, Needs, ViewQuery
from relspec.edges.engine.blame import problem_here, problem_of, problem_of_trouble
from relspec.edges.engine.complaint import complaint_of, sentence
from relspec.edges.engine.empties import DESCRIBE, Empties, Tables
from relspec.edges.engine.reads import Reads
from relspec.edges.engine.sql import empty_table, empty_view, identifier


class _AnsweredError(Exception):
    """Ends the way through the steps with an answer that is no compiled query; never leaves this module."""

    def __init__(self, answer: Needs | Problem) -> None:
        super().__init__()
        self.answer = answer


class Analysis(msgspec.Struct, frozen=True):
    """A compiled query, and how its `sql` came of the text: of its first `length` characters, by these splices."""

    answer: Analysed
    splices: tuple[Splice, ...]
    length: int


class _Known(msgspec.Struct, frozen=True):
    """The stored datasets and the views that a text may name, by lower-case name."""

    schemas: Mapping[str, tuple[str, Schema]]
    views: Mapping[str, ViewQuery]

    def schema(self, name: str) -> Schema | None:
        key = name.lower()
        if key in self.views:
            return self.views[key].schema
        return self.schemas[key][1] if key in self.schemas else None


def analyse(binder: Empties, request: Analyse) -> Analysis | Needs | Problem:
    """Compile `request.text`."""
    known = _Known(
        {name.lower(): (name, schema) for name, schema in request.schemas},
        {view.dataset.lower(): view for view in request.views},
    )
    try:
        with binder.knowing(request.udfs):
            return _analyse(binder, request, known)
    except _AnsweredError as stop:
        return stop.answer
    except BaseException:
        # Whatever it was, it may have come halfway.
        binder.close()
        raise


def _analyse(binder: Empties, request: Analyse, known: _Known) -> Analysis:
    readings = Readings()
    named = _named(binder.connection, request, readings)
    statement = _single(binder.connection, request)
    known = _read(request, known, named, readings)
    native = _bound(binder, request, known, named, None if _is_summary(request, readings) else statement)
    _check_names(request, native)
    inference = _inferred(request, known, native, readings)
    inference = _proved(binder, request, known, inference, native)
    sql, schema = _promised(binder, request, known, inference, native)
    if request.stored:
        schema = _stored(request, schema)
    answer = Analysed(
        sql=sql,
        canonical=inference.canonical,
        aspects=inference.aspects,
        schema=schema,
        inputs=_requirements(inference.inputs, known),
        views=_requirements(inference.views, known),
        lineage=inference.lineage,
        coarse=inference.coarse,
        repeatability=_placed(request, inference.repeatability),
    )
    return Analysis(answer, inference.splices, inference.length)


def _placed(request: Analyse, found: Repeatability) -> Repeatability:
    """Take the places out of a generated text: nobody has written its lines."""
    if not request.generated:
        return found
    return replace(found, findings=tuple(replace(f, line=None, column=None) for f in found.findings))


def _named(connection: duckdb.DuckDBPyConnection, request: Analyse, readings: Readings) -> tuple[Named, ...]:
    found = references(request.text, readings.look)
    if not isinstance(found, QueryTrouble):
        return found
    if found.code is Code.SYNTAX:
        _single(connection, request)
        if found.hint is None:
            message = f"valid for DuckDB, but its inputs cannot be found: {found.message}"
            found = replace(found, code=Code.UNSUPPORTED_SQL, message=message, hint="write this place in another way")
    raise _AnsweredError(problem_of_trouble(request, found))


def _is_summary(request: Analyse, readings: Readings) -> bool:
    query = readings.look(request.text)
    return isinstance(query, Query) and isinstance(query.tree, exp.Summarize)


def _single(connection: duckdb.DuckDBPyConnection, request: Analyse) -> duckdb.Statement | None:
    """Have DuckDB parse the text: it knows its own grammar best, and points at the place more exactly.

    Gives the statement where it is a SELECT.

    A PIVOT without values is several statements, of which the first reads the data to find the columns.
    """
    try:
        statements = connection.extract_statements(request.text)
    except duckdb.Error as error:
        raise _AnsweredError(problem_of(request, complaint_of(error), 0, {})) from error
    if len(statements) > 1:
        message = "the columns of this PIVOT depend on the data"
        raise _AnsweredError(
            problem_here(request, Code.UNSUPPORTED_SQL, message, "list the values: PIVOT ... ON x IN (...)")
        )
    return next((s for s in statements if s.type == duckdb.StatementType.SELECT), None)


def _read(request: Analyse, known: _Known, named: Iterable[Named], readings: Readings) -> _Known:
    """Give what the text and its views read, out of what is known; nothing else is to play a part."""
    behind = {name.lower() for name in request.behind}
    missing = {n.name.lower(): n for n in named if known.schema(n.name) is None or n.name.lower() in behind}
    read = {mention.name.lower() for mention in named}
    for mention in named:
        view = known.views.get(mention.name.lower())
        below = references(view.sql, readings.look) if view is not None else ()
        assert not isinstance(below, QueryTrouble), f"the view {mention.name} was compiled and cannot be read: {below}"
        read |= {inner.name.lower() for inner in below}
        for inner in below:
            if inner.name.lower() not in known.schemas:
                missing.setdefault(inner.name.lower(), replace(mention, name=inner.name))
    if missing:
        places = {m.name: replace(m, line=request.line, column=1) if request.generated else m for m in missing.values()}
        raise _AnsweredError(Needs(tuple(places.values())))
    return _Known(
        {name: found for name, found in known.schemas.items() if name in read},
        {name: found for name, found in known.views.items() if name in read},
    )


def _bound(
    binder: Empties, request: Analyse, known: _Known, named: Iterable[Named], select: duckdb.Statement | None
) -> tuple[Column, ...]:
    """Bind the text, which is `select` where it is one."""
    # Nothing else is there to be bound: a table that `references` overlooked would not be found.
    tables = {mention.name: known.schema(mention.name) or Schema(()) for mention in named}
    columns = {name: schema.columns for name, schema in tables.items()}
    # Tables have a `rowid`, the files that a query will read have none.
    empty = empty_view if "rowid" in request.text.lower() else empty_table
    try:
        found = None if select is None else binder.bound(select, columns, empty)
        return found if found is not None else binder.described(request.text, columns, empty)
    except duckdb.ParserException as error:
        # DuckDB has read it as a statement, and takes it for no query.
        message, hint = "this statement cannot be described as a query", "write SELECT * FROM (...) around it"
        raise _AnsweredError(problem_here(request, Code.UNSUPPORTED_SQL, message, hint)) from error
    except duckdb.Error as error:
        raise _AnsweredError(problem_of(request, complaint_of(error), len(DESCRIBE), tables)) from error


def _check_names(request: Analyse, columns: Iterable[Column]) -> None:
    counted = Counter(column.name.lower() for column in columns)
    repeated = [name for name, n in counted.items() if n > 1]
    if repeated:
        message = f"the result has more than one column named {', '.join(map(repr, repeated))}"
        raise _AnsweredError(
            problem_here(request, Code.OUTPUT_SCHEMA, message, "give each column a name of its own with AS")
        )


def _inferred(request: Analyse, known: _Known, native: tuple[Column, ...], readings: Readings) -> Inference:
    schemas = dict(known.schemas.values())
    views = {view.dataset: view for view in known.views.values()}
    inference = infer(request.text, schemas, views, Schema(native), readings.take)
    if isinstance(inference, QueryTrouble):
        raise _AnsweredError(problem_of_trouble(request, inference))
    return inference


def _proved(
    binder: Empties, request: Analyse, known: _Known, inference: Inference, native: tuple[Column, ...]
) -> Inference:
    """Check the requirement against the engine: bound with the required columns alone, else as its planner reads."""
    if binder.bound(inference.sql, _tables(inference.inputs, known)) == native:
        return inference
    whole = tuple((name, tuple(c.name for c in _schema(name, known).columns)) for name, _ in inference.inputs)
    tables = _tables(whole, known)
    broken = _doubt(binder, inference.sql, tables, native)
    if broken is not None:
        message = f"the query cannot be rewritten to read its inputs by name: {broken}"
        raise _AnsweredError(problem_here(request, Code.UNSUPPORTED_SQL, message, "write the query in a plainer way"))
    reads = binder.reads(inference.sql, tables)
    if reads is None:
        return replace(inference, inputs=whole, coarse="the engine's plan does not tell which columns it reads")
    return replace(
        inference, inputs=tuple((name, _widened(name, used, reads, known)) for name, used in inference.inputs)
    )


def _widened(name: str, used: Iterable[str], reads: Reads, known: _Known) -> tuple[str, ...]:
    wanted = {column.lower() for column in used} | reads[name.lower()]
    return tuple(column.name for column in _schema(name, known).columns if column.name.lower() in wanted)


def _doubt(binder: Empties, sql: str, tables: Tables, expected: tuple[Column, ...]) -> str | None:
    try:
        found = binder.bound(sql, tables) or binder.described(sql, tables)
    except duckdb.Error as error:
        return sentence(complaint_of(error).message)
    if found == expected:
        return None
    changed = [new for old, new in zip(expected, found, strict=False) if old != new]
    return f"it gives {len(found)} columns, first of the changed ones {changed[0] if changed else 'none'}"


def _promised(
    binder: Empties, request: Analyse, known: _Known, inference: Inference, native: tuple[Column, ...]
) -> tuple[str, Schema]:
    """Apply the types that the builder promises: a stored table is cast when it is stored, a view in its query."""
    if request.cast is None:
        return inference.sql, Schema(native)
    promised = request.cast.columns
    if len(promised) != len(native):
        message = f"the builder promises {len(promised)} columns and the query gives {len(native)}"
        raise _AnsweredError(problem_here(request, Code.OUTPUT_SCHEMA, message, None))
    if all(canonical_type(p.type) == canonical_type(n.type) for p, n in zip(promised, native, strict=True)):
        return inference.sql, Schema(native)
    cast = _cast(inference.sql, native, promised)
    whole = {name: _schema(name, known).columns for name, _ in inference.inputs}
    try:
        columns = binder.described(cast, whole)
    except duckdb.Error as error:
        message = f"the builder promises types that the query does not give: {sentence(complaint_of(error).message)}"
        raise _AnsweredError(problem_here(request, Code.TYPE, message, None)) from error
    return (inference.sql if request.stored else cast), Schema(columns)


def _cast(sql: str, native: Iterable[Column], promised: Iterable[Column]) -> str:
    listed = []
    for have, want in zip(native, promised, strict=True):
        name = identifier(have.name)
        same = canonical_type(have.type) == canonical_type(want.type)
        listed.append(name if same else f"CAST({name} AS {want.type}) AS {name}")
    return f"SELECT {', '.join(listed)} FROM ({sql}\n) AS promised"


def _stored(request: Analyse, schema: Schema) -> Schema:
    columns = []
    for column in schema.columns:
        stored = stored_type(column.type)
        if stored is None:
            message = f"column {column.name!r} has the type {column.type}, which Parquet cannot hold exactly"
            hint = f"cast it, as in CAST({identifier(column.name)} AS VARCHAR)"
            raise _AnsweredError(problem_here(request, Code.OUTPUT_SCHEMA, message, hint))
        columns.append(Column(column.name, stored))
    return Schema(tuple(columns))


def _schema(name: str, known: _Known) -> Schema:
    schema = known.schema(name)
    assert schema is not None, f"inference names {name}, which nobody gave"
    return schema


def _tables(inputs: Iterable[tuple[str, Iterable[str]]], known: _Known) -> dict[str, tuple[Column, ...]]:
    return {name: _schema(name, known).restrict(columns) for name, columns in inputs}


def _requirements(needs: Iterable[tuple[str, Iterable[str]]], known: _Known) -> tuple[Requirement, ...]:
    return tuple(Requirement(name, columns) for name, columns in _tables(needs, known).items())
