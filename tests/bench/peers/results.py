"""The results: a table on the terminal, and rows that are kept beside those of our own benchmarks."""

from collections.abc import Sequence
from dataclasses import replace

from tests.bench.record import Book, Peer, read, write
from tests.bench.report import PAGE, page

HEAD = f"{'tool':<24}{'manner':<14}{'tasks':>7}  {'step':<14}{'wall ms':>10}{'CPU ms':>10}{'peak MB':>9}"


def line(row: Peer) -> str:
    """One row of the table."""
    tool = f"{row.tool} {row.version}"
    figures = f"{row.wall_ms:10.1f}{row.cpu_ms:10.1f}{row.peak_mb:9.0f}"
    return f"{tool:<24}{row.manner:<14}{row.n_tasks:7d}  {row.step:<14}{figures}"


def merged(book: Book, rows: Sequence[Peer]) -> Book:
    """Put rows in place of those of the same tool and size; everything else stays as it is."""
    measured = {(row.tool, row.n_tasks) for row in rows}
    kept = [row for row in book.peers if (row.tool, row.n_tasks) not in measured]
    return replace(book, peers=(*kept, *rows))


def record(rows: Sequence[Peer]) -> None:
    """Keep rows, and write the page anew."""
    write(merged(read(), rows))
    PAGE.write_text(page(read()))
