"""Writes the example project that ships in the package: watch.toml, data and tasks.

Nothing that exists is ever overwritten: all names are checked before the first file is written, and each file is
created exclusively. What is written is what `src/relspec/template` holds, byte by byte, and an empty `state/`.
"""

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from relspec.core.errors import ConfigError
from relspec.core.layout import Layout

_NAMED_MAX = 5


def create(directory: Path) -> tuple[str, ...]:
    """Write the example project into `directory`, which may exist; the paths of its files, relative and sorted.

    Raises ConfigError, with nothing written, where a file of the example exists already, and where a folder cannot
    be made.
    """
    files = dict(_files(resources.files("relspec") / "template", ""))
    _refuse_existing(directory, files)
    try:
        for name, content in files.items():
            _write(directory / name, content.read_bytes())
        Layout(directory).state.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write a project into {directory}: {error}; choose another folder") from error
    return tuple(sorted(files))


def _files(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    """Walk the template; an installed package gains compiled Python files, which are no part of it."""
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _files(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry


def _refuse_existing(directory: Path, files: dict[str, Traversable]) -> None:
    # A dangling link counts: writing to it would create a file somewhere else.
    taken = sorted(name for name in files if (directory / name).exists() or (directory / name).is_symlink())
    if taken:
        more = f" and {len(taken) - _NAMED_MAX} more" if len(taken) > _NAMED_MAX else ""
        named = ", ".join(taken[:_NAMED_MAX]) + more
        raise ConfigError(f"{directory} already has {named}; choose an empty folder, or move these files away")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(content)
