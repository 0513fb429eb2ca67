"""Notes which calls in the files of a folder really reach which functions and classes, by `sys.setprofile`.

    python -m tests.cpg.tracing OUT FOLDER [PYTEST ARGUMENT ...]

Runs pytest in this process, and writes what was seen. A call is known by where it ends in its file, which no two calls
share. A function that is reached through others that are not of the folder, such as a decorator of the standard
library, or through C, is noted as reached indirectly. Who makes an object is seen through its `__init__` or `__new__`.
A generator or coroutine is seen when it starts, which is on the line of its call where that is awaited, looped over or
entered by `with`, and anywhere where it is handed on: it is noted at a line as a whole.
"""

import builtins
import dis
import inspect
import json
import sys
from collections import defaultdict
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple, Self

import pytest

GENERATORS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
#: The column of what is noted at a line as a whole.
ANYWHERE = -1
#: So many functions of others may stand between a call and a function of the folder.
BETWEEN = 6


class Site(NamedTuple):
    """Where a call ends: its file within the folder, the line, and the column in bytes of UTF-8, or `ANYWHERE`."""

    path: str
    line: int
    col: int


class Callee(NamedTuple):
    """A function by its file, first line and name, and the class of what it makes, by file and name.

    What is not of the folder has no file.
    """

    path: str
    line: int
    qualname: str
    made_path: str
    made: str
    is_direct: bool


class Recorder:
    """Notes calls while it is entered, of this thread."""

    def __init__(self, root: Path) -> None:
        self.seen: dict[Site, set[Callee]] = defaultdict(set)
        self._prefix = f"{root}/"
        self._sites: dict[tuple[CodeType, int], Site | None] = {}
        self._places: dict[CodeType, list[Any]] = {}
        #: Frames that are within a function of C, and which.
        self._in_c: list[tuple[FrameType, object]] = []

    def __enter__(self) -> Self:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        self._in_c.clear()

    def _note(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            self._called(frame)
        elif not self._is_inside(frame):
            return
        elif event == "c_call":
            self._in_c.append((frame, argument))
            site = self._site(frame)
            # A class is made where its text ends, which may be where a call ends.
            if site is not None and argument is not builtins.__build_class__:
                self.seen[site].add(Callee("", 0, argument.__qualname__, "", "", is_direct=True))
        elif event in {"c_return", "c_exception"} and self._in_c:
            self._in_c.pop()

    def _called(self, frame: FrameType) -> None:
        code, caller, n_between = frame.f_code, frame.f_back, 0
        if not code.co_flags & inspect.CO_OPTIMIZED:
            return
        is_lazy = bool(code.co_flags & GENERATORS)
        if is_lazy and frame.f_lasti > code.co_code.index(dis.opmap["RESUME"]):
            return
        inside = self._is_inside(frame)
        while inside and caller is not None and not self._is_inside(caller) and n_between < BETWEEN:
            caller, n_between = caller.f_back, n_between + 1
        if caller is None or not self._is_inside(caller):
            return
        line = Site(self._relative(caller.f_code.co_filename), caller.f_lineno or 0, ANYWHERE)
        site = line if is_lazy else self._site(caller)
        within = next((function for at, function in self._in_c[-1:] if at is caller), None)
        if site is not None and within is not builtins.__build_class__:
            is_direct = n_between == 0 and not is_lazy and within is None
            where = (self._relative(code.co_filename), code.co_firstlineno) if inside else ("", 0)
            self.seen[site].add(Callee(*where, code.co_qualname, *self._made(frame), is_direct))

    def _made(self, frame: FrameType) -> tuple[str, str]:
        """Name the class of the object that a frame makes, where it makes one."""
        code = frame.f_code
        # Named tuples are made by a lambda.
        makes = code.co_name in {"__init__", "__new__", "__call__"} or code.co_varnames[:1] == ("_cls",)
        if not makes or not code.co_varnames:
            return "", ""
        first = frame.f_locals.get(code.co_varnames[0])
        made = type(first) if code.co_name == "__init__" else first
        file = getattr(sys.modules.get(getattr(made, "__module__", "")), "__file__", None) or ""
        if not isinstance(made, type) or not file.startswith(self._prefix):
            return "", ""
        return self._relative(file), made.__qualname__

    def _site(self, frame: FrameType) -> Site | None:
        """Where the call ends that a frame is at; nothing where it is at no call, but at `with` or an operator, say."""
        key = frame.f_code, frame.f_lasti
        if key not in self._sites:
            self._sites[key] = self._site_at(*key)
        return self._sites[key]

    def _site_at(self, code: CodeType, at: int) -> Site | None:
        while code.co_code[at] == dis.opmap["CACHE"]:
            at -= 2
        name = dis.opname[code.co_code[at]]
        if not name.startswith("CALL") or "INTRINSIC" in name:
            return None
        if code not in self._places:
            self._places[code] = list(code.co_positions())
        _, line, _, col = self._places[code][at // 2]
        return None if line is None or col is None else Site(self._relative(code.co_filename), line, col)

    def _is_inside(self, frame: FrameType) -> bool:
        return frame.f_code.co_filename.startswith(self._prefix)

    def _relative(self, file: str) -> str:
        return file.removeprefix(self._prefix)


def main(arguments: list[str]) -> int:
    """Trace a run of pytest."""
    out, folder, *others = arguments
    with Recorder(Path(folder)) as recorder:
        code = pytest.main(["-q", "-p", "no:cacheprovider", *others])
    Path(out).write_text(json.dumps([(site, sorted(callees)) for site, callees in sorted(recorder.seen.items())]))
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
