"""An event loop whose time is a number, and whose order is drawn from a seed.

Callbacks take no time but a step of `STEP_S`, and where nothing is ready the clock jumps to the next timer. Usually the
oldest ready callback runs, as asyncio promises; what comes from outside comes at drawn moments. With `shuffle` above 0
now and then another ready one runs first: nothing in the product may hang on their order. The same seed gives the same
run. `crash` ends the loop in the middle of a step, as SIGKILL does.
"""

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable
from functools import partial
from typing import Any

#: What a callback takes, so that no two moments are the same.
STEP_S = 1e-5
#: A run that takes more steps than this will never end.
STEPS_MAX = 400_000
#: How long work on a thread may take.
THREAD_S = 0.002


class Crash(BaseException):
    """The simulated process was killed."""


class StuckError(Exception):
    """Nothing is left to do though somebody waits, or there is no end to what is done."""


class SimTask(asyncio.Task[Any]):
    """A task with a number, so that sets of tasks have an order that hangs on the seed, not on where they lie."""

    def __init__(self, *arguments: Any, number: int, **more: Any) -> None:
        self.number = number
        super().__init__(*arguments, **more)

    def __hash__(self) -> int:
        return self.number


class SimLoop(asyncio.BaseEventLoop):
    """The loop of one life of the process."""

    def __init__(self, draw: random.Random, now: float, shuffle: float) -> None:
        super().__init__()
        self.draw = draw
        self.now = now
        self.shuffle = shuffle
        self.steps = 0
        self.crashed = self.burying = False
        self._serial = itertools.count()
        self._numbers = itertools.count(1)
        self._salt = draw.getrandbits(24)
        self.set_task_factory(self._task)  # type: ignore[arg-type]

    def _task(self, loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> SimTask:
        return SimTask(work, loop=loop, number=(next(self._numbers) * 0x9E3779B1 ^ self._salt) & 0xFFFFFF, **more)

    def time(self) -> float:
        """The simulated monotonic clock."""
        return self.now

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:
        """Timers that are due at one moment go off in the order in which they were set."""
        return super().call_at(max(when, self.now) + next(self._serial) * 1e-12, callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":  # type: ignore[override]
        """Call `func` a little later, or let the simulated system answer in its place."""
        waits = getattr(getattr(func, "__self__", None), "waiting", None)
        if waits is not None:
            return waits(self, *args)  # type: ignore[no-any-return]
        future = self.create_future()
        self.call_later(self.draw.random() * THREAD_S, self._answer, future, partial(func, *args))
        return future

    def add_reader(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None:
        """Hear of what a simulated queue has to read; its descriptor is the queue itself."""
        fd.arm(self, callback)

    def remove_reader(self, fd: Any) -> bool:
        """Hear no more of it."""
        return bool(fd.disarm())

    @staticmethod
    def _answer(future: "asyncio.Future[Any]", work: Callable[[], Any]) -> None:
        # Work on a thread is done whether or not somebody waits for it still.
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - it goes to whoever waits
            if not future.done():
                future.set_exception(error)
        else:
            if not future.done():
                future.set_result(result)

    def crash(self) -> None:
        """Let nothing run any more; what runs now gets no further."""
        self.crashed = not self.burying
        raise Crash

    def bury(self) -> None:
        """Let go of what a crash left, that nothing of it stays in memory. The ports of the dead refuse everything."""
        self.crashed, self.burying, self.steps = False, True, STEPS_MAX - 5_000
        try:
            self.run_until_complete(_ended())
        except (Crash, StuckError):
            pass
        finally:
            for task in asyncio.all_tasks(self):
                task._log_destroy_pending = False  # type: ignore[attr-defined]
            self._ready.clear()  # type: ignore[attr-defined]
            self.close()

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled  # type: ignore[attr-defined]
        while scheduled and scheduled[0]._cancelled:
            heapq.heappop(scheduled)._scheduled = False
        if not ready:
            if not scheduled:
                raise StuckError("nothing is left to do")
            self.now = max(self.now, scheduled[0]._when)
        while scheduled and scheduled[0]._when <= self.now:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            ready.append(handle)
        chosen = 0
        if len(ready) > 1 and self.shuffle and self.draw.random() < self.shuffle:
            chosen = self.draw.randrange(len(ready))
        handle = ready[chosen]
        del ready[chosen]
        if handle._cancelled:
            return
        self.steps += 1
        self.now += STEP_S
        handle._run()
        if self.crashed:
            raise Crash
        if self.steps > STEPS_MAX:
            raise StuckError("there is no end to it")

    def _process_events(self, event_list: Any) -> None:
        """Nothing comes from a selector."""

    def _write_to_self(self) -> None:
        """Nobody has to be woken."""


async def _ended() -> None:
    # Who is ending something else takes a first cancellation for that.
    for _ in range(8):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if not others:
            return
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=1.0)
