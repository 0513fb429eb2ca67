"""Whether a file system tells every two writes apart: tried for real, and with clocks that do not."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from relspec.edges.files import grain
from relspec.edges.files.grain import exact_device

TICK_NS = 4_000_000


def told(monkeypatch: pytest.MonkeyPatch, stamps: Callable[[int], tuple[int, int]], write_ns: int) -> None:
    """Have the nth look give these timestamps, and each write take so long."""
    looks = iter(range(1000))
    clock = iter(range(0, 10**10, write_ns * grain._WRITES))
    monkeypatch.setattr(grain, "_look", lambda _descriptor: stamps(next(looks)))
    monkeypatch.setattr(grain, "time", SimpleNamespace(monotonic_ns=lambda: next(clock)))


def test_the_answer_of_this_system_holds(tmp_path: Path) -> None:
    """Caught: an answer without having looked, and one for another folder's device."""
    device = exact_device(tmp_path)
    assert device in (None, tmp_path.stat().st_dev)
    if device is not None:
        path, stamps = tmp_path / "a", set()
        for _ in range(200):
            path.write_bytes(b"x")
            found = path.stat()
            stamps.add((found.st_mtime_ns, found.st_ctime_ns))
        assert len(stamps) == 200
    assert os.listdir(tmp_path) == (["a"] if device is not None else [])


def test_stamps_that_all_differ_within_a_tick_are_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, lambda n: (n, n), 5000)
    assert exact_device(tmp_path) == tmp_path.stat().st_dev


def test_stamps_that_repeat_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caught: a look at the times of modification alone, and at those of change alone."""
    told(monkeypatch, lambda n: (n // 2, n), 5000)
    assert exact_device(tmp_path) is None
    told(monkeypatch, lambda n: (n, n // 2), 5000)
    assert exact_device(tmp_path) is None


def test_a_tick_for_each_write_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that is so busy, or over a network, ticks tell writes apart that follow slowly."""
    told(monkeypatch, lambda n: (n * TICK_NS, n * TICK_NS), TICK_NS)
    assert exact_device(tmp_path) is None


def test_a_folder_that_cannot_be_written_is_not_exact(tmp_path: Path) -> None:
    assert exact_device(tmp_path / "missing") is None
