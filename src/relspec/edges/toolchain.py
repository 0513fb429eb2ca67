"""Reads the versions of what is installed from package metadata, without importing any of it."""

import importlib.metadata
import platform

from relspec import __version__
from relspec.core.digest import EDGE_FORMAT
from relspec.core.plan import CANONICAL_FORMAT, CODE_FORMAT, FINGERPRINT_FORMAT
from relspec.core.toolchain import Toolchain

_COMPILING = ("ibis-framework", "sqlglot", "pyarrow")


def toolchain(timezone: str) -> Toolchain:
    """Name what is installed here, for queries that run in `timezone`."""
    python = ".".join(platform.python_version_tuple()[:2])
    packages = [f"{name} {importlib.metadata.version(name)}" for name in _COMPILING]
    formats = f"relspec {__version__} ({CANONICAL_FORMAT}, {FINGERPRINT_FORMAT}, {CODE_FORMAT})"
    return Toolchain(
        engine=f"duckdb {importlib.metadata.version('duckdb')}, {timezone}, one thread, {EDGE_FORMAT}",
        compiler=", ".join([formats, *packages, f"python {python}"]),
    )
