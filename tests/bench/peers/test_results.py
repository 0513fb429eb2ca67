"""What is recorded takes the place of earlier figures of the same tool and size, and of nothing else."""

from dataclasses import replace

from tests.bench.made import STAGE
from tests.bench.peers.results import HEAD, line, merged
from tests.bench.record import Book, Peer

ROW = Peer("dbt", "1.11.16", "warm", 100, "leaf", 2345.6, 2100.1, 170.3)


def test_rows_of_the_same_tool_and_size_are_replaced() -> None:
    """Seen to fail when all earlier rows were dropped, when all were kept, and when other keys were dropped."""
    other, larger = replace(ROW, tool="sqlmesh"), replace(ROW, n_tasks=1000)
    book = Book((), (other, ROW, replace(ROW, step="gone"), larger), (STAGE,))
    faster = replace(ROW, wall_ms=1.0)
    assert merged(book, [faster]) == Book((), (other, larger, faster), (STAGE,))


def test_a_row_stands_below_its_heading() -> None:
    assert line(ROW) == "dbt 1.11.16             warm              100  leaf              2345.6    2100.1      170"
    assert len(line(ROW)) == len(HEAD)
