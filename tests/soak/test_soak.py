"""A short soak, and that growth would be seen."""

from pathlib import Path

from tests.soak.sample import Sample, trends
from tests.soak.soak import Plan, Soak, soak


def line(*, leak: float) -> list[Sample]:
    """Samples of a daemon that loses so many megabytes and descriptors an edit, in a noise of one."""
    return [Sample(n, 80 + leak * n + n % 2, 300, 40 + int(leak * n), 9, 4, 12, 0) for n in range(0, 400, 20)]


def test_growth_is_told_from_noise() -> None:
    assert [t.name for t in trends(line(leak=0.0), growth=0.05) if not t.flat] == []
    assert [t.name for t in trends(line(leak=0.05), growth=0.05) if not t.flat] == ["daemon_mb", "descriptors"]


def test_threads_may_grow_as_far_as_the_pool() -> None:
    pool = [Sample(n, 80, 300, 40, 4 + (n > 200), 4, 12, 0) for n in range(0, 400, 20)]
    assert [t.name for t in trends(pool, growth=0.05) if not t.flat] == []
    leak = [Sample(n, 80, 300, 40, 4 + n // 20, 4, 12, 0) for n in range(0, 400, 20)]
    assert [t.name for t in trends(leak, growth=0.05) if not t.flat] == ["threads"]


async def test_a_daemon_holds_after_some_rounds_what_it_held_before(tmp_path: Path) -> None:
    heard: list[int] = []

    def tell(running: Soak) -> None:
        heard.append(running.edits)

    done = await soak(tmp_path / "project", Plan(seed=7, tasks=3, steps=3, seconds=0, rounds=3), tell)
    assert heard == [3, 6, 9]
    first, last = done.samples[0], done.samples[-1]
    assert (last.children, last.watches) == (first.children, first.watches)
    # The publisher's own file of views.
    assert last.temporaries == 1
    assert last.descriptors <= first.descriptors + 2
