"""What a session's process does: load, build, extract, execute; each request gives one answer.

Whatever user code does short of ending the process becomes a problem in the answer. An error of our own is a fault,
and the process ends after it, because nobody knows what state it is in.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

import ibis.expr.operations as ops
from ibis.expr.operations.udf import InputType

from relspec.core.errors import InputMovedError, WorkerError
from relspec.core.plan import Udf
from relspec.core.problem import Code, Problem
from relspec.core.work import BuildFailed, Built, Execute, Executed, Extracted, Loaded, LoadFailed, Needs
from relspec.edges.loader.building import Building
from relspec.edges.loader.extracting import extract
from relspec.edges.loader.importing import Imports
from relspec.edges.loader.messages import (
    Answer,
    Configure,
    DoBuild,
    DoExecute,
    DoExtract,
    DoLoad,
    Fault,
    GaveBuildFailed,
    GaveBuilt,
    GaveExecuted,
    GaveExtracted,
    GaveLoaded,
    GaveLoadFailed,
    GaveNeeds,
    GaveProblem,
    InputMoved,
)
from relspec.edges.loader.modules import Modules
from relspec.edges.loader.places import Places
from relspec.edges.loader.rendering import code_of, name_functions
from relspec.edges.loader.snapshot import Note, Snapshot, watch_opens
from relspec.edges.loader.tables import Tables

UserFunction = Callable[..., Any]
#: Runs a query with Python functions by their names in the SQL.
Runner = Callable[[Execute, Mapping[str, UserFunction]], Executed | Problem]
#: Opens an engine in this process: memory limit in MB, time zone, a directory for what does not fit, how many MB there.
OpenEngine = Callable[[int, str, str, int], Runner]


class Session:
    """The state of a session's process: what it has loaded, and its engine once there is one."""

    def __init__(self, project: Configure, open_engine: OpenEngine, note: Note) -> None:
        self._project = project
        self._open_engine = open_engine
        self._snapshot = Snapshot(Places(project.root, project.folders, project.state), note)
        imports = Imports(self._snapshot)
        self._tables = Tables(project.temporary)
        self._modules = Modules(self._snapshot, imports, self._tables)
        self._runner: Runner | None = None
        os.chdir(project.root)
        imports.install()
        watch_opens(self._snapshot)

    def answer(self, request: DoLoad | DoBuild | DoExtract | DoExecute) -> Answer:
        """Do what is asked; raises only what is our own fault."""
        self._snapshot.begin()
        try:
            return _given(self._dispatch(request))
        except InputMovedError as error:
            return InputMoved(error.path)
        except WorkerError as error:
            return Fault(str(error), memory=error.cause == "memory")
        except MemoryError as error:
            return Fault(": ".join(filter(None, ("out of memory", str(error)))), memory=True)

    def _dispatch(self, request: DoLoad | DoBuild | DoExtract | DoExecute) -> object:
        match request:
            case DoLoad(path=path):
                return self._modules.load(path)
            case DoBuild(spec=spec, schemas=schemas):
                return Building(spec, dict(schemas), self._modules, self._snapshot).build()
            case DoExtract(request=work):
                try:
                    return extract(work, self._modules, self._snapshot, self._tables)
                except FileNotFoundError as error:
                    raise InputMovedError(work.path) from error
            case DoExecute(request=work):
                return self._execute(work)

    def _execute(self, request: Execute) -> Executed | Problem:
        for path in sorted({udf.path for udf in request.udfs}):
            declared = self._modules.declared(path)
            if isinstance(declared, Problem):
                return declared
        functions = self._functions()
        missing = next((udf for udf in request.udfs if udf.name not in functions), None)
        if missing is not None:
            return _lost(request, missing)
        self._snapshot.current = None
        if self._runner is None:
            project = self._project
            self._runner = self._open_engine(project.memory_mb, project.timezone, project.spill, project.spill_mb)
        return self._runner(request, functions)

    def _functions(self) -> dict[str, UserFunction]:
        """List the Python functions of all loaded files by the names that queries call them by."""
        known = [f for f in ops.ScalarUDF.__subclasses__() if f.__dict__["__input_type__"] is InputType.PYTHON]
        return {name_functions([f], self._coder)[0].name: code_of(f) for f in known}

    def _coder(self, function: UserFunction) -> tuple[str, str]:
        return self._modules.digest(function), self._modules.file_of(function)


def _lost(request: Execute, udf: Udf) -> Problem:
    message = f"the function {udf.name} of {udf.path} is no longer what was compiled"
    return Problem(Code.EXECUTION, request.task, udf.path, 1, 1, message, "it is compiled again with its next change")


def _given(value: Any) -> Answer:
    return _ANSWERS[type(value)](value)


_ANSWERS: Mapping[type, Callable[[Any], Answer]] = {
    Loaded: GaveLoaded,
    LoadFailed: GaveLoadFailed,
    Built: GaveBuilt,
    Needs: GaveNeeds,
    BuildFailed: GaveBuildFailed,
    Extracted: GaveExtracted,
    Executed: GaveExecuted,
    Problem: GaveProblem,
}
