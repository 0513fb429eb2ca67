"""Glob patterns over posix paths: `*` and `?` stay within a folder, `**` crosses folders, `[...]` is a set."""

import re
from functools import lru_cache

#: As in what rsync is given: files are named by what stands behind it.
_MARK = "/./"


def is_glob(pattern: str) -> bool:
    """Whether `pattern` has a wildcard at all."""
    return any(mark in pattern for mark in "*?[")


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    out = []
    rest = pattern
    while rest:
        if rest.startswith("**/"):
            out.append("(?:[^/]+/)*")
            rest = rest[3:]
        elif rest.startswith("**"):
            out.append(".*")
            rest = rest[2:]
        elif rest[0] == "*":
            out.append("[^/]*")
            rest = rest[1:]
        elif rest[0] == "?":
            out.append("[^/]")
            rest = rest[1:]
        elif (chars := re.match(r"\[(!?)([^\]]+)\]", rest)) is not None:
            out.append(f"[{'^' if chars[1] else ''}{re.escape(chars[2]).replace(chr(92) + '-', '-')}]")
            rest = rest[chars.end() :]
        else:
            out.append(re.escape(rest[0]))
            rest = rest[1:]
    return re.compile("".join(out))


def matches(pattern: str, path: str) -> bool:
    """Whether the whole of `path` fits `pattern`."""
    return _compiled(pattern.removeprefix("./")).fullmatch(path) is not None


def folder_of(pattern: str) -> str:
    """The folder that stands before the first wildcard of a pattern, or that holds the file that it names."""
    fixed: list[str] = []
    for name in pattern.removeprefix("./").split("/")[:-1]:
        if is_glob(name):
            break
        fixed.append(name)
    return "/".join(fixed) or ("/" if pattern.startswith("/") else "")


def split_base(pattern: str) -> tuple[str, str]:
    """Part a pattern into the folder below which its files are named, and the pattern without the mark of it.

    `lib/./pack/**/*.py` names `lib/pack/a.py` as `pack/a.py`; without a mark it is what stands before the wildcards.
    """
    base, mark, rest = pattern.partition(_MARK)
    return (base, f"{base}/{rest}") if mark else (folder_of(pattern), pattern)
