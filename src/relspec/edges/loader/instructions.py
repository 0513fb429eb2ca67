"""What compiled Python code says, as text that can be hashed: instructions, names and imports.

Positions, docstrings and the numbering of constants do not show, so comments and formatting do not either.
"""

import dis
import functools
import types
from collections.abc import Iterator
from typing import Any

from relspec.core.digest import digest_of

_SILENT = frozenset({"CACHE", "NOP", "EXTENDED_ARG"})

#: A module's name as written, the number of leading dots, and the names that are taken from it.
Imported = tuple[str, int, tuple[str, ...]]
#: A global name, and the attributes that are taken one of the other: `shop.prices.double` is of three parts.
Read = tuple[str, ...]


def code_tokens(code: types.CodeType) -> list[str]:
    """Write a code object and those inside it."""
    tokens: list[str] = []
    pending = [code]
    while pending:
        code = pending.pop()
        tokens += _instructions(code)
        # The same instructions can be inside or outside of a `try`: only this table tells.
        tokens += [code.co_exceptiontable.hex(), f"{code.co_flags} {code.co_argcount} {code.co_kwonlyargcount}"]
        tokens += [f"{code.co_posonlyargcount}", *code.co_varnames]
        pending += _inner(code)
    return tokens


@functools.lru_cache(maxsize=256)
def file_digest(data: bytes) -> str:
    """Hash a whole Python file as code; as bytes where it does not compile."""
    try:
        code = compile(data, "<digest>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return digest_of("bytes", data)
    return digest_of("file", *code_tokens(code))


def global_reads(code: types.CodeType) -> tuple[Read, ...]:
    """List the global names that code reads, each with the attributes that it takes of it at once, sorted."""
    return tuple(sorted({found for part in _all(code) for found in _global_reads(part)}))


def _global_reads(code: types.CodeType) -> Iterator[Read]:
    read: Read = ()
    for instruction in dis.get_instructions(code):
        if instruction.opname in _SILENT:
            continue
        if read and instruction.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            read = (*read, str(instruction.argval))
            continue
        if read:
            yield read
        read = (str(instruction.argval),) if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME") else ()


def imports(code: types.CodeType) -> tuple[Imported, ...]:
    """List what code imports when it runs, sorted."""
    return tuple(sorted({found for part in _all(code) for found in _imports(part)}))


def _imports(code: types.CodeType) -> Iterator[Imported]:
    constants: list[Any] = []
    for instruction in dis.get_instructions(code):
        if instruction.opname.startswith(("LOAD_CONST", "LOAD_SMALL_INT")):
            constants.append(instruction.argval)
        elif instruction.opname == "IMPORT_NAME":
            # Level and names are loaded just before: `from .a import b` is 1, ("b",).
            level, names = constants[-2:]
            yield str(instruction.argval), int(level), tuple(names or ())


def _all(code: types.CodeType) -> Iterator[types.CodeType]:
    pending = [code]
    while pending:
        part = pending.pop()
        yield part
        pending += _inner(part)


def _inner(code: types.CodeType) -> list[types.CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]


@functools.lru_cache(maxsize=4096)
def _instructions(code: types.CodeType) -> tuple[str, ...]:
    return tuple(_instruction(i) for i in dis.get_instructions(code) if i.opname not in _SILENT)


def _instruction(instruction: dis.Instruction) -> str:
    value = instruction.argval
    if isinstance(value, types.CodeType):
        return f"{instruction.opname} code"
    if isinstance(value, frozenset):
        return f"{instruction.opname} {sorted(map(repr, value))}"
    return f"{instruction.opname} {type(value).__name__} {value!r}"
