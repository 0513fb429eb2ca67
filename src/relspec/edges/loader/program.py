"""The warm parent of sessions as it is started: its environment, and what is done where it did not end in order."""

import functools
import uuid

from relspec.edges.loader.family import end_marked
from relspec.edges.warm_parent import Program

#: Names a parent in the environment of all processes below it, where its own end leaves them without one.
_MARK = "RELSPEC_LOADER"
#: One thread, so that forking is safe; one seed, so that what is emitted in set order is the same in every process.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # Of pyarrow's allocator.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "LC_ALL": "C.UTF-8",
}


def program_of(module: str, timezone: str) -> Program:
    """The program `module` in a time zone, with a mark of its own."""
    mark = uuid.uuid4().hex
    environment = {**_ENVIRONMENT, "TZ": timezone, _MARK: mark}
    return Program(module, environment, "the loader", functools.partial(end_marked, _MARK, mark))
