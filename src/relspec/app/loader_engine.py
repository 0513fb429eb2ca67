"""The engine of a session's process, for queries that call Python functions of the user."""

from collections.abc import Mapping
from typing import Any

from relspec.core.problem import Problem
from relspec.core.work import Execute, Executed
from relspec.edges.engine.connection import open_connection
from relspec.edges.engine.execute import execute
from relspec.edges.loader.session import Runner


def open_engine(memory_mb: int, timezone: str, spill: str, spill_mb: int) -> Runner:
    """Open DuckDB in this process."""
    connection = open_connection(memory_mb, timezone, spill, spill_mb=spill_mb)

    def run(request: Execute, functions: Mapping[str, Any]) -> Executed | Problem:
        return execute(connection, request, functions)

    return run
