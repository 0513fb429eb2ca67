"""Writes a module that was exported: whole or not at all, and never over a file that a person wrote."""

import contextlib
import os
from pathlib import Path

from relspec.core.errors import ConfigError

#: The mark of an exported module stands within its first bytes.
_HEAD_BYTES = 1000


def write(path: Path, text: str, mark: str) -> None:
    """Write `text` to `path`, by way of a file beside it. Raises ConfigError, with nothing changed.

    A file that is there already is replaced where it bears `mark`; where a link leads to it, the link stays.
    """
    target = Path(os.path.realpath(path))
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        _refuse_foreign(target, mark)
        aside.write_text(text, encoding="utf-8")
        aside.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        reason = error.strerror or error
        raise ConfigError(f"cannot write {path}: {reason}; name a file in a folder that you may write to") from error


def _refuse_foreign(path: Path, mark: str) -> None:
    if not path.exists():
        return
    found = b""
    if path.is_file():
        with path.open("rb") as file:
            found = file.read(_HEAD_BYTES)
    if mark.encode() not in found:
        raise ConfigError(f"{path} was not written by `relspec-watch export`; name another file, or move it away")
