"""How quickly the daemon answers while something else goes on: `status` through its socket, again and again."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.rogues.yard import Yard

_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class Pulse:
    """Milliseconds of so many answers."""

    n: int
    p50: float
    p99: float
    worst: float

    def __str__(self) -> str:
        return f"{self.p50:5.1f} {self.p99:6.1f} {self.worst:6.1f} ({self.n})"


def pulse_of(times_ms: Sequence[float]) -> Pulse:
    """Sum up times; there is at least one."""
    ordered = sorted(times_ms)
    last = len(ordered) - 1
    return Pulse(len(ordered), ordered[last // 2], ordered[round(last * 0.99)], ordered[last])


class Heart:
    """Asks in a thread of its own while it is open as a context manager."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat)
        self.times_ms: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.is_set():
            started = time.perf_counter()
            self._yard.status()
            self.times_ms.append((time.perf_counter() - started) * 1000)
            self._over.wait(_PAUSE_S)
