"""Runs one builder and turns what it gives into a query text.

A builder that asks for an unknown schema is stopped and the answer says which; it runs again from its start with that
schema. So a builder may run several times, and nothing but its last run counts.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import ibis.expr.operations as ops
import ibis.expr.types as ir
import msgspec

from relspec.core.problem import Code, Problem
from relspec.core.schema import Schema
from relspec.core.spec import TaskSpec
from relspec.core.work import BuildFailed, Built, Named, Needs
from relspec.edges.loader.blame import problem_of
from relspec.edges.loader.context import Looked, StopBuilder, TaskContext
from relspec.edges.loader.modules import Modules
from relspec.edges.loader.rendering import Refused, Rendered, code_of, python_functions, render
from relspec.edges.loader.snapshot import Snapshot

_RETURN_HINT = "return an Ibis table: what ctx.table gives, or an expression on it"


class Building(msgspec.Struct, frozen=True):
    """One run of the builder of `spec`."""

    spec: TaskSpec
    schemas: Mapping[str, Schema]
    modules: Modules
    snapshot: Snapshot

    def build(self) -> Built | Needs | BuildFailed:
        """Run the builder; loads its file when that was not done."""
        looked = Looked()
        outcome = self._outcome(looked)
        files = self.snapshot.files(self.snapshot.places.absolute(self.spec.builder.path))
        match outcome:
            case Named():
                return Needs((outcome,))
            case Problem():
                return BuildFailed(replace(outcome, task=self.spec.name), tuple(looked.asked), files)
        metadata = tuple((dataset, key, value) for (dataset, key), value in sorted(looked.metadata.items()))
        return Built(outcome.text, outcome.schema, tuple(looked.asked), metadata, outcome.udfs, files)

    def _outcome(self, looked: Looked) -> Rendered | Named | Problem:
        declared = self.modules.declared(self.spec.builder.path)
        if isinstance(declared, Problem):
            return declared
        function = declared.task(self.spec)
        if function is None:
            message = f"{self.spec.builder.path} no longer declares {self.spec.name}"
            return self._problem(Refused(message, "save the file again, so that it is read again"))
        known = frozenset(ops.ScalarUDF.__subclasses__())
        try:
            result = self._call(function, looked)
            if looked.stopped is not None:
                return looked.stopped
            rendered = self._render(result, looked, known)
        except BaseException as error:  # noqa: BLE001 - `sys.exit()` in a builder is a problem of that task.
            if looked.stopped is not None:
                return looked.stopped
            place = (self.snapshot.places.absolute(self.spec.builder.path), self.spec.line)
            return problem_of(error, Code.BUILDER, self.snapshot, place)
        return self._problem(rendered) if isinstance(rendered, Refused) else rendered

    def _call(self, function: Callable[..., Any], looked: Looked) -> object:
        ctx = TaskContext(self.snapshot, self.schemas, looked)
        try:
            return function(ctx) if inspect.signature(function).parameters else function()
        except StopBuilder:
            return None

    def _render(self, result: object, looked: Looked, known: frozenset[Any]) -> Rendered | Refused:
        if not isinstance(result, ir.Table):
            return _not_a_table(result)
        for udf in python_functions(result):
            code = code_of(udf)
            # A process that executes the query loads the file, but does not run the builder.
            if udf not in known and "<locals>" in code.__qualname__:
                message = f"the UDF {code.__name__!r} is defined inside of a function"
                return Refused(message, "define it at the top level of the file")
        return render(result, looked.tables, self._coder)

    def _coder(self, function: Callable[..., object]) -> tuple[str, str]:
        path = self.modules.file_of(function)
        return self.modules.digest(function), self.snapshot.places.shown(path)

    def _problem(self, refused: Refused) -> Problem:
        path, line = self.spec.builder.path, self.spec.line
        return Problem(Code.BUILDER, self.spec.name, path, line, 1, refused.message, refused.hint)


def _not_a_table(result: object) -> Refused:
    if result is None:
        return Refused("the builder returned None", "is a `return` missing? " + _RETURN_HINT)
    kind = type(result)
    if isinstance(result, ir.Value):
        return Refused(f"the builder returned a single Ibis value ({kind.__name__})", "end it with .as_table()")
    if isinstance(result, str):
        return Refused("the builder returned a text", "a query in SQL goes into a .sql file of its own")
    module = kind.__module__.partition(".")[0]
    return Refused(f"the builder returned a {module}.{kind.__name__}, which is no query", _RETURN_HINT)
