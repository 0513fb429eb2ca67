"""Hashes what a Python function does: its own code, and whatever of the project it refers to.

The walk starts at a function's instructions and follows global names, closures, defaults, classes, imports inside of
the body, and values. A function that is not referred to does not count; of a module, what is taken of it by name.
Each object is visited once, in the order in which it is met, and mentioned by number, so cycles end and the result
does not depend on addresses.

What belongs to an installed package counts by the package's version. Where the walk cannot see what a value is made of
(an instance of some class, `eval`), the code of the whole file and of all that it used is hashed: coarse and sound.
What the outside gives while a function runs (time, environment, files, network) is seen by nobody.
"""

import collections
import contextlib
import datetime
import decimal
import enum
import functools
import importlib
import importlib.util
import pathlib
import platform
import re
import sys
import types
import typing
import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from relspec.core.digest import digest_of
from relspec.core.plan import CODE_FORMAT
from relspec.edges.loader.instructions import Imported, code_tokens, file_digest, global_reads, imports
from relspec.edges.loader.snapshot import Snapshot
from relspec.edges.loader.versions import package_version

_PYTHON = ".".join(platform.python_version_tuple()[:2])
_ATOMS = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), decimal.Decimal, uuid.UUID)
_PRINTED = (datetime.date, datetime.time, datetime.timedelta, datetime.timezone, pathlib.PurePath, range, slice)
_TYPE_FORMS = (types.GenericAlias, types.UnionType, typing.TypeVar)
_BUILTIN_KINDS = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)
#: Functions through which a function can reach what its instructions do not name.
_OPAQUE = frozenset({"eval", "exec", "compile", "globals", "vars", "__import__"})
#: Members of classes that say nothing about what an instance does, or that are addresses in disguise.
_CLASS_NOISE = frozenset(
    {"__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__firstlineno__", "__static_attributes__"}
    | {"__dataclass_fields__", "__dataclass_params__", "__abstractmethods__", "_abc_impl"}
)
_SLOT_KINDS = (types.GetSetDescriptorType, types.MemberDescriptorType)


def code_digest(function: Callable[..., Any], path: str, snapshot: Snapshot) -> str:
    """Hash a function of the file at `path` with all that it depends on in the project."""
    walk = _Walk(snapshot, path)
    walk.refer(function)
    while walk.pending:
        walk.visit(*walk.pending.popleft())
    return digest_of(CODE_FORMAT, _PYTHON, *walk.tokens)


class _Walk(msgspec.Struct):
    snapshot: Snapshot
    #: The file whose code is being visited: it stands for what cannot be seen through.
    file: str
    tokens: list[str] = msgspec.field(default_factory=list)
    pending: collections.deque[tuple[Any, str]] = msgspec.field(default_factory=collections.deque)
    numbers: dict[int, int] = msgspec.field(default_factory=dict)
    #: Keeps visited objects alive: the address of a dead one may be given to another.
    kept: list[Any] = msgspec.field(default_factory=list)

    def refer(self, value: Any) -> None:
        """Write a plain value, or the number of an object, which is queued when it is met for the first time."""
        if isinstance(value, _ATOMS) and not isinstance(value, enum.Enum):
            self.tokens.append(f"{type(value).__name__}:{value!r}")
            return
        number = self.numbers.get(id(value))
        if number is None:
            number = self.numbers[id(value)] = len(self.numbers)
            self.kept.append(value)
            self.pending.append((value, self.file))
        self.tokens.append(f"#{number}")

    def visit(self, value: Any, file: str) -> None:
        """Write what an object is made of."""
        self.file = file
        self.tokens.append(f"={self.numbers[id(value)]} {type(value).__module__}.{type(value).__qualname__}")
        match value:
            case types.FunctionType():
                self._function(value)
            case types.ModuleType():
                self._module(value)
            case type():
                self._class(value)
            case enum.Enum():
                self.tokens.append(value.name)
                self.refer(type(value))
            case tuple() | list() | set() | frozenset() | dict() | collections.deque() | types.MappingProxyType():
                self._container(value)
            case re.Pattern():
                self.tokens += [repr(value.pattern), str(value.flags)]
            case _ if isinstance(value, (*_PRINTED, *_TYPE_FORMS)) or type(value).__module__ == "typing":
                self.tokens.append(repr(value))
            case _ if isinstance(value, _BUILTIN_KINDS):
                self.tokens.append(f"{value.__qualname__} of {package_version(str(_module_name(value)))}")
            case _:
                self._wrapper(value)

    def _function(self, function: types.FunctionType) -> None:
        path = function.__code__.co_filename
        if self.snapshot.is_code(path):
            self.file = path
        elif not path.startswith("<"):
            # Of an installed package; but a wrapper of theirs around a function of the project is transparent.
            home = str(function.__globals__.get("__name__"))
            self.tokens.append(f"{function.__code__.co_qualname} of {package_version(home)}")
            if not hasattr(function, "__wrapped__"):
                return
        self.tokens += code_tokens(function.__code__)
        for value in (function.__defaults__, function.__kwdefaults__, *map(_cell, function.__closure__ or ())):
            self.refer(value)
        for attribute, value in sorted(vars(function).items()):
            self.tokens.append(attribute)
            self.refer(value)
        if self.snapshot.is_code(path):
            self._names(function)

    def _names(self, function: types.FunctionType) -> None:
        for name, *attributes in global_reads(function.__code__):
            self.tokens.append(name)
            if name in function.__globals__:
                self.refer(self._taken(function.__globals__[name], attributes))
            elif name in _OPAQUE:
                self._whole_file(self.file)
        for imported in imports(function.__code__):
            self._import(imported, str(function.__globals__.get("__package__") or ""))

    def _taken(self, value: object, attributes: list[str]) -> object:
        """Follow attributes through modules of the project: of a module that is not passed on, what is taken counts."""
        for attribute in attributes:
            code = isinstance(value, types.ModuleType) and self.snapshot.is_code(getattr(value, "__file__", None))
            if not code or attribute not in vars(value):
                break
            self.tokens.append(attribute)
            value = vars(value)[attribute]
        return value

    def _import(self, imported: Imported, package: str) -> None:
        name, level, parts = imported
        try:
            absolute = importlib.util.resolve_name("." * level + name, package)
            module = importlib.import_module(absolute)
        except (ImportError, ValueError) as error:
            self.tokens.append(f"{name} cannot be imported: {error}")
            return
        self.refer(module)
        for part in parts:
            if not hasattr(module, part) and hasattr(module, "__path__"):
                # As the statement does: else it would hang on what else has been imported in this process.
                with contextlib.suppress(Exception):
                    importlib.import_module(f"{absolute}.{part}")
            submodule = sys.modules.get(f"{absolute}.{part}")
            self.refer(getattr(module, part, None) if submodule is None else submodule)

    def _module(self, module: types.ModuleType) -> None:
        file = getattr(module, "__file__", None)
        if self.snapshot.is_code(file):
            self._whole_file(str(file))
        elif file is None and hasattr(module, "__path__") and any(map(self.snapshot.places.own, module.__path__)):
            self._whole_file(self.file)
        else:
            self.tokens.append(package_version(module.__name__))

    def _class(self, kind: type) -> None:
        home = sys.modules.get(kind.__module__)
        if not self.snapshot.is_code(getattr(home, "__file__", None)):
            self.tokens.append(f"{kind.__qualname__} of {package_version(kind.__module__)}")
            return
        self.refer(kind.__bases__)
        for name, member in sorted(vars(kind).items()):
            if name in _CLASS_NOISE or isinstance(member, _SLOT_KINDS):
                continue
            self.tokens.append(name)
            self.refer(member.value if isinstance(member, enum.Enum) else member)

    def _container(self, value: Any) -> None:
        if type(value).__module__ not in ("builtins", "collections"):
            self.refer(type(value))
        if isinstance(value, (set, frozenset)):
            if not all(isinstance(item, _ATOMS) for item in value):
                self._whole_file(self.file)
            self.tokens += sorted(repr(item) for item in value if isinstance(item, _ATOMS))
        elif isinstance(value, (dict, types.MappingProxyType)):
            for pair in value.items():
                self.refer(pair[0])
                self.refer(pair[1])
        else:
            for item in value:
                self.refer(item)
        self.tokens.append("end")

    def _wrapper(self, value: Any) -> None:
        match value:
            case staticmethod() | classmethod():
                self.refer(value.__func__)
            case property():
                self.refer((value.fget, value.fset, value.fdel))
            case functools.partial():
                self.refer((value.func, value.args, value.keywords))
            case types.MethodType():
                self.refer((value.__func__, value.__self__))
            case functools.cached_property():
                self.refer(value.func)
            case _ if type(value).__module__ == "functools" and hasattr(value, "__wrapped__"):
                self.refer(value.__wrapped__)
            case _:
                self._whole_file(self.file)

    def _whole_file(self, path: str) -> None:
        for used in self.snapshot.closure(path):
            code = self.snapshot.is_code(used)
            self.tokens.append(file_digest(self.snapshot.code(used)) if code else self.snapshot.content(used))


def _cell(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return "an empty cell"


def _module_name(value: Any) -> str | None:
    owner = getattr(value, "__objclass__", None)
    return getattr(value, "__module__", None) or getattr(owner, "__module__", None) or "builtins"
