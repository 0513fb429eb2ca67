"""dbt kept warm: its own runner in one process, which parses what changed and runs what differs from the last run."""

import sys
from pathlib import Path

import duckdb
from answering import Rows, answer
from dbt.cli.main import dbtRunner

_DBT = dbtRunner()
_SINCE_LAST = ["--select", "state:modified+", "--state", "last"]


def build() -> None:
    """Run the models that differ from the last run, and what is below them."""
    result = _DBT.invoke(["--quiet", "--no-use-colors", "run", *(_SINCE_LAST if Path("last").exists() else [])])
    if not result.success:
        sys.exit(f"dbt failed: {result.exception or result.result}")


def show(name: str) -> Rows:
    """Read a table out of the database."""
    with duckdb.connect("warehouse.duckdb") as connection:
        return [list(row) for row in connection.execute(f"select * from {name}").fetchall()]


if __name__ == "__main__":
    answer(build, show)
