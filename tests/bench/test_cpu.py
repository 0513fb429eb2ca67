"""What processes use is counted once, whether they live on or end."""

import subprocess
import sys

from tests.bench.cpu import NOTHING, Reading, Spent, read, spent

MS = 1_000_000


def test_what_living_processes_use_is_fine() -> None:
    before = Reading({(1, 7): 5 * MS, (2, 8): 1 * MS}, 20 * MS)
    after = Reading({(1, 7): 8 * MS, (2, 8): 1 * MS, (3, 9): 2 * MS}, 20 * MS)
    assert spent(before, after) == Spent(fine_ms=5.0, coarse_ms=0.0)


def test_what_a_process_had_used_before_it_ended_is_not_counted_again() -> None:
    before = Reading({(1, 7): 5 * MS, (2, 8): 30 * MS}, 0)
    after = Reading({(1, 7): 6 * MS}, 40 * MS)
    assert spent(before, after) == Spent(fine_ms=1.0, coarse_ms=10.0)


def test_a_number_that_is_used_again_is_another_process() -> None:
    before = Reading({(2, 8): 30 * MS}, 0)
    after = Reading({(2, 99): 4 * MS}, 30 * MS)
    assert spent(before, after) == Spent(fine_ms=4.0, coarse_ms=0.0)


def test_the_clock_of_a_process_is_finer_than_ticks_and_knows_its_ended_threads() -> None:
    work = "import threading; t = threading.Thread(target=sum, args=(range(1000000),)); t.start(); t.join()"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{work}; print(flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        reading = read([process.pid])
        process.communicate(b"\n")
    (used,) = reading.living.values()
    assert used > 10 * MS
    assert used % (10 * MS) != 0
    assert read([process.pid]) == NOTHING
