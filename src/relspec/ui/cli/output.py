"""Puts an outcome on stdout: JSON for scripts, text for people. Errors go to stderr as text, to stdout as JSON."""

import io
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from relspec.core.document import encoded
from relspec.ui.cli.call import Outcome
from relspec.ui.render.page import Page, SourceLine
from relspec.ui.render.text import escape, escaped_lines

#: A problem that lies further down its file than this, in a data file, is shown without the line.
_SOURCE_BYTES_MAX = 4 << 20
#: Where nobody looks at a terminal, lines are for tools: wide enough that hardly anything is cut.
_WIDTH_WITHOUT_TERMINAL = 200


def print_outcome(outcome: Outcome, as_json: bool) -> None:
    """Print the outcome whole. Raises BrokenPipeError when nobody reads it."""
    if as_json:
        _write(sys.stdout, [encoded(outcome.document).decode()])
    elif "error" in outcome.document:
        _write(sys.stderr, _error_lines(outcome.document["error"], page_for(sys.stderr, outcome.root)))
    else:
        _write(sys.stdout, outcome.text(page_for(sys.stdout, outcome.root)))


def error_of(exit_code: int, code: str, message: str, hint: str | None) -> Outcome:
    """Make the outcome of a command that could not be carried out."""
    return Outcome(exit_code, {"error": {"code": code, "message": message, "hint": hint}}, lambda _: [], None)


def page_for(stream: TextIO, root: Path | None) -> Page:
    """Describe a stream as a page: colours only on a terminal that wants them, excerpts from files below `root`."""
    terminal = stream.isatty()
    # https://no-color.org: set and not empty means no colours.
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = os.get_terminal_size(stream.fileno()).columns if terminal else 0
    return Page(width or _WIDTH_WITHOUT_TERMINAL, colour, _no_source if root is None else _source_below(root))


def _no_source(_path: str, _number: int) -> None:
    return None


def _source_below(root: Path) -> SourceLine:
    def source(path: str, number: int) -> str | None:
        try:
            with open(root / path, "rb", opener=_open_regular) as file:
                return _nth_line(file, number)
        except (OSError, ValueError):
            return None  # An excerpt is a courtesy: the place and the sentence are there without it.

    return source


def _open_regular(path: str, flags: int) -> int:
    # Without O_NONBLOCK, a pipe that lies where a file was would hold us for good.
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(f"{path} is no regular file")


def _nth_line(file: io.BufferedReader, number: int) -> str | None:
    left = _SOURCE_BYTES_MAX
    for _ in range(number - 1):
        left -= len(file.readline(left))
        if left <= 0:
            return None
    line = file.readline(left)
    return None if b"\0" in line else line.decode("utf-8", "replace")


def _error_lines(error: Mapping[str, Any], page: Page) -> list[str]:
    first, *more = escaped_lines(error["message"])
    lines = [f"relspec-watch: {page.paint('error', 'red')}: {first}", *(f"  {line}" for line in more)]
    return lines if error["hint"] is None else [*lines, f"  {page.paint('hint', 'cyan')}: {escape(error['hint'])}"]


def _write(stream: TextIO, lines: list[str]) -> None:
    if isinstance(stream, io.TextIOWrapper):
        # A terminal that cannot show a letter gets its code instead of a traceback.
        stream.reconfigure(errors="backslashreplace")
    stream.write("".join(f"{line}\n" for line in lines))
    stream.flush()
