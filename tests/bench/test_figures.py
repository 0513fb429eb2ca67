"""Rows sum rounds up as the page says they do."""

import pytest
from tests.bench.cpu import Spent
from tests.bench.figures import Row, Sample, cpu_ms, percentile, row
from tests.bench.floor import Taken


@pytest.mark.parametrize(
    ("share", "expected"), [(0.99, 99), (0.5, 50), (1.0, 100), (0.0, 1)], ids=["p99", "p50", "most", "least"]
)
def test_a_percentile_is_the_value_that_so_many_do_not_exceed(share: float, expected: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == expected


def test_in_few_rounds_the_99th_percentile_is_the_slowest() -> None:
    assert percentile([3.0, 9.0, 1.0], 0.99) == 9.0


def test_the_coarse_part_of_cpu_is_a_mean_and_the_fine_one_a_median() -> None:
    assert cpu_ms([Spent(1.0, 0.0), Spent(2.0, 10.0), Spent(90.0, 20.0)]) == 2.0 + 10.0


def test_a_row_has_the_medians_of_daemon_and_floor() -> None:
    samples = [Sample(wall, Spent(2.0, 0.0), Taken(wall / 10, 0.5)) for wall in (30.0, 10.0, 20.0)]
    expected = Row("leaf", "2026-01-02", 3, 1, 20.0, 30.0, 2.0, 80.0, 2.0, 0.5)
    assert row("leaf", "2026-01-02", 1, samples, 80.0) == expected


def test_a_row_without_a_floor_has_none() -> None:
    made = row("touch", "2026-01-02", 0, [Sample(1.0, Spent(1.0, 0.0), None)], None)
    assert (made.floor_ms, made.floor_cpu_ms, made.peak_mb) == (None, None, None)
