"""Files as the engine touches them: stamps and hashes of what it reads, objects that it writes.

An object is written under a private name, then renamed to the hash of its bytes; it is never changed afterwards.
Nothing is fsynced here: the daemon does that, before it commits.
"""

import itertools
import os
from collections.abc import Iterable
from io import BufferedIOBase

from relspec.core.dataset import Dataset, Part, Stamp
from relspec.core.digest import content_of_stream
from relspec.core.errors import InputMovedError
from relspec.core.layout import object_path

_serial = itertools.count()


def stamp_of(status: os.stat_result) -> Stamp:
    """Take from `stat` what changes when a file does."""
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def content_of_file(file: BufferedIOBase) -> str:
    """Hash an open file from its start."""
    file.seek(0)
    return content_of_stream(file.read)


def own_prefix(pid: int) -> str:
    """Name what the process `pid` writes in the temporary directory, so that what it leaves can be found."""
    return f"engine-{pid}-"


def temporary_path(temporary: str, suffix: str) -> str:
    """Make a name that nobody else uses."""
    return os.path.join(temporary, f"{own_prefix(os.getpid())}{next(_serial)}{suffix}")


def settle(path: str, objects: str) -> tuple[str, int]:
    """Turn a written file into an object; returns its content and its size in bytes.

    An object of that content that is there already is replaced: should its bytes have rotted, it is whole again.
    """
    # Paths as text: made into `Path`s they take as long as all the rest.
    with open(path, "rb") as file:
        content = content_of_file(file)
        size = os.fstat(file.fileno()).st_size
        os.fchmod(file.fileno(), 0o444)
    os.rename(path, object_path(objects, content))
    return content, size


def check_stamps(parts: Iterable[Part]) -> None:
    """Raise InputMovedError when a part is gone, or is not the file that it was."""
    for part in parts:
        try:
            status = os.stat(part.path)
        except OSError as error:
            raise InputMovedError(part.path) from error
        if part.stamp is not None and stamp_of(status) != part.stamp:
            raise InputMovedError(part.path)


def check_contents(parts: Iterable[Part]) -> None:
    """Raise InputMovedError for an object whose bytes are not what its name says; reads them all."""
    for part in parts:
        if part.stamp is not None:
            continue
        try:
            with open(part.path, "rb") as file:
                whole = content_of_file(file) == part.content
        except OSError as error:
            raise InputMovedError(part.path) from error
        if not whole:
            raise InputMovedError(part.path)


def parts_of(datasets: Iterable[Dataset]) -> tuple[Part, ...]:
    """List the parts of all datasets."""
    return tuple(part for dataset in datasets for part in dataset.parts)
