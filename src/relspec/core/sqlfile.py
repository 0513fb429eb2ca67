"""What a `.sql` file declares: one task, named by the file's stem, with options in its leading comment lines.

    -- relspec: kind=view output=top_days
    -- relspec: priority=3

The query itself is not looked at here. An option line below the first line of the query is a problem rather than a
comment that does nothing.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import msgspec

from relspec.core.declaration import Fault, declare
from relspec.core.problem import Code, Problem
from relspec.core.spec import Builder, Language, TaskSpec

_OPTION_LINE = re.compile(r"\s*--\s*relspec\s*:")
_COMMENT_LINE = re.compile(r"\s*(--.*)?")
_WORD = re.compile(r"[^\s,]+")


class _Option(msgspec.Struct, frozen=True):
    name: str
    value: str
    line: int
    column: int


def sql_task(path: str, text: str) -> TaskSpec | Problem:
    """Read the declaration of the SQL file at `path`, relative to the project."""
    lines = text.removeprefix("\ufeff").splitlines()
    head = next((i for i, line in enumerate(lines) if _COMMENT_LINE.fullmatch(line) is None), len(lines))
    late = next((i for i in range(head, len(lines)) if _OPTION_LINE.match(lines[i])), None)
    if late is not None:
        message = "options stand below the start of the query, where they have no effect"
        return _problem(path, late + 1, 1, Fault("", message, "move the line to the top of the file"))
    options: dict[str, object] = {}
    places: dict[str, _Option] = {}
    for option in _options(lines[:head]):
        fault = _malformed(option, options)
        if fault is not None:
            return _problem(path, option.line, option.column, fault)
        options[option.name] = _typed(option)
        places[option.name] = option
    stem = PurePosixPath(path).stem
    spec = declare(options, stem, Builder(Language.SQL, path, None), 1)
    if not isinstance(spec, Fault):
        return spec
    place = places.get(spec.option)
    if place is None:
        hint = f"rename the file, or put a line `-- relspec: {spec.option}=...` at its top"
        return _problem(path, 1, 1, Fault(spec.option, f"{spec.message} (the file's name)", hint))
    return _problem(path, place.line, place.column, spec)


def _options(lines: list[str]) -> Iterator[_Option]:
    for number, line in enumerate(lines, start=1):
        start = _OPTION_LINE.match(line)
        if start is None:
            continue
        for word in _WORD.finditer(line, start.end()):
            name, _, value = word.group().partition("=")
            yield _Option(name, value.strip("'\""), number, word.start() + 1)


def _malformed(option: _Option, seen: dict[str, object]) -> Fault | None:
    if option.name in seen:
        return Fault(option.name, f"the option {option.name!r} is given twice", "keep one of them")
    if not option.value:
        return Fault(option.name, f"{option.name!r} is no option with a value", "write it as kind=view, without spaces")
    return None


def _typed(option: _Option) -> object:
    if option.name == "priority" and re.fullmatch(r"[+-]?\d{1,9}", option.value):
        return int(option.value)
    return option.value


def _problem(path: str, line: int, column: int, fault: Fault) -> Problem:
    return Problem(Code.DECLARATION, None, path, line, column, fault.message, fault.hint)
