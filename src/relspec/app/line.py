"""Who may be compiled next: tasks in a line, of which some wait for others that are not done.

A task that has to wait is set aside with one of those that it waits for, and looked at again when that one is done.
So 10,000 tasks cost a look at each of them for each task that it reads, not at all of them after each.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet


class Line:
    """Tasks by name; `wants` gives the tasks that one needs: those of them that are pending have to be done first."""

    def __init__(self, tasks: Iterable[str], wants: Callable[[str], Iterable[str]]) -> None:
        self._wants = wants
        self._waiting: set[str] = set()
        self._running: set[str] = set()
        self._open: list[str] = []
        self._aside: dict[str, list[str]] = {}
        self.add(tasks)

    @property
    def waiting(self) -> AbstractSet[str]:
        """Those that are in line."""
        return self._waiting

    @property
    def running(self) -> AbstractSet[str]:
        """Those that were begun and have not ended."""
        return self._running

    def __contains__(self, task: object) -> bool:
        """Whether a task is pending: in line or begun."""
        return task in self._waiting or task in self._running

    def add(self, tasks: Iterable[str]) -> None:
        """Put tasks in line; what is in it stays, but what it waits for is asked for again."""
        for task in tasks:
            self._waiting.add(task)
            heapq.heappush(self._open, task)

    def begin(self) -> Iterator[str]:
        """Take those from the line, by name, that need to wait for nobody; as long as more are wanted."""
        while self._open:
            task = heapq.heappop(self._open)
            if task not in self._waiting:
                continue
            first = next((other for other in self._wants(task) if other != task and other in self), None)
            if first is None:
                self._waiting.discard(task)
                self._running.add(task)
                yield task
            else:
                self._aside.setdefault(first, []).append(task)

    def end(self, task: str) -> None:
        """Note that one that was begun has ended. Whoever waits for it goes on, unless it is put in line once more."""
        self._running.discard(task)
        self._release(task)

    def leave(self, tasks: Iterable[str]) -> None:
        """Take tasks out of the line: nobody waits for them any more."""
        for task in tasks:
            self._waiting.discard(task)
            self._release(task)

    def _release(self, task: str) -> None:
        for other in self._aside.pop(task, ()):
            heapq.heappush(self._open, other)
