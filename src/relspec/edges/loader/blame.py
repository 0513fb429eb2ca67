"""Turns an exception of user code into a Problem: the place is the deepest frame in a file of the project.

Also `SystemExit` and `KeyboardInterrupt`, which are no `Exception`. Nothing here raises: also a `__str__` of the user's
can be broken.
"""

import linecache
import re
from types import CodeType, FrameType, TracebackType

import ibis.expr.types as ir
from ibis.common.exceptions import IbisTypeError

from relspec.core.problem import Code, Problem
from relspec.core.suggest import closest
from relspec.edges.loader.snapshot import Snapshot

_MISSING_COLUMN = re.compile(r"Column '(.+?)' is not found in table\. Existing columns: (.*)", re.DOTALL)
#: A message is a sentence, not a listing.
_MESSAGE_LENGTH_MAX = 600


def problem_of(error: BaseException, code: Code, snapshot: Snapshot, default: tuple[str, int]) -> Problem:
    """Say what went wrong and where; `default` is the absolute path and line to name when no user frame shows."""
    if isinstance(error, SyntaxError) and isinstance(error.filename, str) and snapshot.is_code(error.filename):
        return _syntax(error, snapshot)
    path, line, column = _place(error.__traceback__, snapshot) or (*default, 1)
    code, message, hint = _words(error, code)
    return Problem(code, None, snapshot.places.shown(path), line, column, message, hint)


def place_of(frame: FrameType) -> tuple[str, int, int]:
    """Give the file, line and column of what a frame is executing; 1-based."""
    return _position(frame.f_code, frame.f_lasti, frame.f_lineno)


def shorten(text: str) -> str:
    """Cut a message of unknown length, and spell out halves of surrogate pairs, which cannot be sent."""
    text = text[: _MESSAGE_LENGTH_MAX + 1].encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _MESSAGE_LENGTH_MAX else text[: _MESSAGE_LENGTH_MAX - 3] + "..."


def text_of(error: BaseException) -> str:
    """Give an exception's type and message, also when it cannot say them."""
    try:
        message = str(error)
    except BaseException as second:  # noqa: BLE001 - a broken `__str__` can raise anything.
        message = f"(its message cannot be read: {type(second).__name__})"
    return shorten(f"{type(error).__name__}: {message}" if message else type(error).__name__)


def _syntax(error: SyntaxError, snapshot: Snapshot) -> Problem:
    path = snapshot.places.shown(str(error.filename))
    column = max(error.offset or 1, 1)
    return Problem(Code.SYNTAX, None, path, max(error.lineno or 1, 1), column, str(error.msg), None)


def _words(error: BaseException, code: Code) -> tuple[Code, str, str | None]:
    if isinstance(error, SystemExit):
        hint = 'a task file only declares; put what is run by hand below `if __name__ == "__main__":`'
        return code, f"sys.exit({error.code if isinstance(error.code, int) else ''}) was called", hint
    if isinstance(error, MemoryError):
        return Code.MEMORY, text_of(error), "use less memory, or raise python_mb under [limits] in watch.toml"
    unknown = _unknown_column(error)
    if unknown is not None and code is Code.BUILDER:
        name, columns = unknown
        near = closest(name, columns)
        hint = f"did you mean {near!r}?" if near else f"there is: {', '.join(columns)}"
        return Code.UNKNOWN_COLUMN, f"there is no column {name!r}", hint
    return code, text_of(error), _hint(error, code)


def _hint(error: BaseException, code: Code) -> str | None:
    if isinstance(error, ModuleNotFoundError):
        return f"is {error.name!r} installed where relspec-watch runs, or is it a file of the project that moved?"
    if isinstance(error, KeyboardInterrupt):
        return "something in the file raises KeyboardInterrupt"
    if isinstance(error, RecursionError):
        return "two functions call each other without end"
    if code is Code.LOAD:
        return "this happened while the file was imported; a task file should only declare tasks"
    return None


def _unknown_column(error: BaseException) -> tuple[str, tuple[str, ...]] | None:
    """Find the missing column and those that are there, in what Ibis raises for either way of naming one."""
    if isinstance(error, AttributeError) and isinstance(error.obj, ir.Table):
        return str(error.name), tuple(error.obj.columns)
    if not isinstance(error, IbisTypeError):
        return None
    found = _MISSING_COLUMN.search(str(error))
    return None if found is None else (found[1], tuple(re.findall(r"'([^']*)'", found[2])))


def _place(traceback: TracebackType | None, snapshot: Snapshot) -> tuple[str, int, int] | None:
    deepest = None
    while traceback is not None:
        if snapshot.is_code(traceback.tb_frame.f_code.co_filename):
            deepest = traceback
        traceback = traceback.tb_next
    if deepest is None:
        return None
    return _position(deepest.tb_frame.f_code, deepest.tb_lasti, deepest.tb_lineno)


def _position(code: CodeType, instruction: int, line: int | None) -> tuple[str, int, int]:
    positions = list(code.co_positions())
    at = instruction // 2
    offset = positions[at][2] if 0 <= at < len(positions) else None
    # Python counts bytes, people and editors count characters.
    before = linecache.getline(code.co_filename, line or 0).encode()[: offset or 0]
    return code.co_filename, line or code.co_firstlineno, len(before.decode(errors="replace")) + 1
