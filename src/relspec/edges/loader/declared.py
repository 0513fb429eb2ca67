"""What a loaded file declares: tasks and extractors, and the declarations that are wrong.

A function counts where it was defined: a task that another file imports is not declared twice. A wrong declaration is
a problem of its own and takes nothing else of the file with it. The line of a task is that of its first decorator.
"""

import inspect
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import msgspec
from msgspec.structs import replace

from relspec.authoring import Declaration, Role, declarations
from relspec.core.declaration import Fault, declare
from relspec.core.digest import digest_of
from relspec.core.globs import is_glob, split_base
from relspec.core.problem import Code, Problem
from relspec.core.spec import Builder, Language, TaskSpec
from relspec.core.suggest import closest
from relspec.core.work import ExtractorSpec
from relspec.edges.loader.tables import Tables

_EXTRACTOR_OPTIONS = ("files", "tables")

UserFunction = Callable[..., Any]


class Declared(msgspec.Struct, frozen=True):
    """The declarations of one file, each with its function."""

    tasks: tuple[tuple[TaskSpec, UserFunction], ...]
    extractors: tuple[tuple[ExtractorSpec, UserFunction], ...]
    problems: tuple[Problem, ...]

    def task(self, spec: TaskSpec) -> UserFunction | None:
        """Find the builder of a task."""
        return next((function for known, function in self.tasks if known.name == spec.name), None)


def declared(module: ModuleType, shown: str, tables: Tables, digest: Callable[[UserFunction], str]) -> Declared:
    """Collect what a file, loaded as `module`, declares; `shown` is how the user knows it."""
    tasks: list[tuple[TaskSpec, UserFunction]] = []
    extractors: list[tuple[ExtractorSpec, UserFunction]] = []
    problems: list[Problem] = []
    for declaration in declarations():
        origin = _origin(declaration.function)
        if origin is None or declaration.function.__module__ != module.__name__:
            continue
        line, name = origin.__code__.co_firstlineno, declaration.function.__name__
        found = _judged(declaration, shown, line, tables)
        if isinstance(found, Fault):
            problems.append(Problem(Code.DECLARATION, name, shown, line, 1, found.message, found.hint))
        elif isinstance(found, TaskSpec):
            tasks.append((found, _outermost(module, declaration)))
        else:
            outermost = _outermost(module, declaration)
            extractors.append((_with_code(found, digest(outermost)), outermost))
    return Declared(tuple(tasks), tuple(extractors), tuple(problems))


def _with_code(spec: ExtractorSpec, code: str) -> ExtractorSpec:
    return replace(spec, code=digest_of(code, repr(spec.tables)))


def _judged(declaration: Declaration, shown: str, line: int, tables: Tables) -> TaskSpec | ExtractorSpec | Fault:
    function, options = declaration.function, declaration.options
    takes = "ctx" if declaration.role is Role.TASK else "file"
    fault = _wrong_shape(function, takes)
    if fault is not None:
        return fault
    if declaration.role is Role.TASK:
        return declare(options, function.__name__, Builder(Language.PYTHON, shown, function.__qualname__), line)
    fault = _wrong_extractor(options)
    if fault is not None:
        return fault
    kept = None if options.get("tables") is None else tables.declared(options["tables"])
    if isinstance(kept, Fault):
        return kept
    base, files = split_base(options["files"].removeprefix("./"))
    return ExtractorSpec(function.__name__, files, base, shown, function.__qualname__, line, kept, "")


def _wrong_shape(function: UserFunction, takes: str) -> Fault | None:
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        return Fault("", f"{function.__name__} is a coroutine or a generator", "make it an ordinary function")
    parameters = inspect.signature(function).parameters.values()
    required = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if len(required) > 1 or any(p.kind is p.KEYWORD_ONLY for p in required):
        names = ", ".join(p.name for p in required)
        return Fault("", f"{function.__name__} takes ({names}); it is called with one argument", f"take ({takes}) only")
    return None


def _wrong_extractor(options: dict[str, Any]) -> Fault | None:
    wrong = next((option for option in options if option not in _EXTRACTOR_OPTIONS), None)
    if wrong is not None:
        near = closest(wrong, _EXTRACTOR_OPTIONS)
        hint = f"did you mean {near!r}?" if near else f"the options are {', '.join(_EXTRACTOR_OPTIONS)}"
        return Fault(wrong, f"an extractor has no option {wrong!r}", hint)
    files = options.get("files")
    if isinstance(files, str) and files and not files.startswith(("/", "..")) and not is_glob(split_base(files)[0]):
        return None
    return Fault("files", f"files must be a glob from the project, not {files!r}", 'write files="src/**/*.py"')


def _origin(function: UserFunction) -> FunctionType | None:
    found = inspect.unwrap(function)
    return found if isinstance(found, FunctionType) else None


def _outermost(module: ModuleType, declaration: Declaration) -> UserFunction:
    """Prefer what other decorators made of the function, where the module holds that under its name."""
    function = declaration.function
    held: UserFunction | None = vars(module).get(function.__name__)
    chain: Any = held
    while held is not None and chain is not None:
        if chain is function:
            return held
        chain = getattr(chain, "__wrapped__", None)
    return function
