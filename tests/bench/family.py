"""A process with all its children, as one thing that uses CPU and memory."""

import psutil
from tests.bench.cpu import Reading, read


class Family:
    """The processes below one, itself included."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self.peak_mb = 0.0

    def reading(self) -> Reading:
        """The CPU clocks of all."""
        return read(process.pid for process in self._members())

    def weigh(self) -> None:
        """Weigh all together; memory that several share counts once."""
        used = 0
        for process in self._members():
            try:
                used += process.memory_full_info().pss
            except psutil.Error:
                continue
        self.peak_mb = max(self.peak_mb, used / 1e6)

    def _members(self) -> list[psutil.Process]:
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
