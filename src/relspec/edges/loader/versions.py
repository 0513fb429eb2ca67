"""Which version of an installed package a module belongs to. Unknown is never equal to anything."""

import functools
import importlib.metadata
import pathlib
import platform
import sys
import uuid

from relspec.core.digest import content_of


@functools.lru_cache(maxsize=1024)
def package_version(module: str) -> str:
    """Name a module with its package's version; without one, with the hash of the module's file."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top == "__main__":
        return f"{module} python {platform.python_version()}"
    version = getattr(sys.modules.get(top), "__version__", None)
    if isinstance(version, str):
        return f"{module} {version}"
    try:
        return f"{module} {importlib.metadata.version(top)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{module} {_file_content(module)}"


def _file_content(module: str) -> str:
    file = getattr(sys.modules.get(module), "__file__", None)
    if not isinstance(file, str):
        return f"unversioned {uuid.uuid4().hex}"
    return content_of(pathlib.Path(file).read_bytes())
