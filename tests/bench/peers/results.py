"""The results: a table on the terminal, and rows that are kept beside those of our own benchmarks."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from tests.bench.peers.environments import HERE
from tests.bench.peers.measuring import Figures

KEPT = HERE.parents[2] / "docs" / "performance.json"
HEAD = f"{'tool':<24}{'manner':<14}{'tasks':>7}  {'step':<14}{'wall ms':>10}{'CPU ms':>10}{'peak MB':>9}"


def line(row: Figures) -> str:
    """One row of the table."""
    tool = f"{row.tool} {row.version}"
    figures = f"{row.wall_ms:10.1f}{row.cpu_ms:10.1f}{row.peak_mb:9.0f}"
    return f"{tool:<24}{row.manner:<14}{row.n_tasks:7d}  {row.step:<14}{figures}"


def merged(document: dict[str, Any], rows: Iterable[Figures]) -> dict[str, Any]:
    """Put rows into the document in place of those of the same tool and size; everything else stays as it is."""
    new = [asdict(row) for row in rows]
    measured = {(row["tool"], row["n_tasks"]) for row in new}
    kept = [row for row in document.get("peers", []) if (row["tool"], row["n_tasks"]) not in measured]
    return {**document, "peers": [*kept, *new]}


def record(rows: Iterable[Figures]) -> None:
    """Keep rows in the document."""
    document = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    KEPT.write_text(json.dumps(merged(document, rows), indent=2) + "\n")
